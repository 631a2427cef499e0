"""Rules of the structure that import-linter cannot say."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORBIDDEN_STEMS = {"utils", "helpers", "common", "manager", "base", "logging", "redis", "kafka", "queue"}
OURS = ("services", "shared", "cli")
WALL_CLOCK = re.compile(r"datetime\.(?:now|utcnow|today)\(|time\.time(?:_ns)?\(")


def python_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (ROOT / folder).rglob("*.py")


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("path", list(python_files("tests/e2e")), ids=lambda path: path.name)
def test_an_end_to_end_test_imports_nothing_of_ours(path: Path) -> None:
    assert not {name for name in imports(path) if name.split(".")[0] in OURS}


def test_no_module_is_a_place_for_anything() -> None:
    assert not [path for path in python_files(*OURS, "tests") if path.stem in FORBIDDEN_STEMS]


def test_only_the_system_clock_reads_wall_time() -> None:
    allowed = {ROOT / "shared/adapters/system_clock.py"}
    readers = {path for path in python_files("services", "shared") if WALL_CLOCK.search(path.read_text())}
    assert readers <= allowed


def test_every_service_has_the_same_names() -> None:
    for service in (ROOT / "services").iterdir():
        if service.is_dir() and service.name != "__pycache__":
            present = {path.name for path in service.iterdir()}
            assert present >= {"__main__.py", "settings.py", "wiring.py", "metrics.py", "adapters", "ports.py"}, service


def test_the_lock_names_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"https?://|--index-url|--find-links|--extra-index-url", lock)


def test_every_locked_requirement_has_a_hash() -> None:
    lock = (ROOT / "requirements.lock").read_text().replace("\\\n", " ")
    assert all("--hash=sha256:" in line for line in lock.splitlines() if "==" in line)


def test_every_module_says_what_it_is() -> None:
    silent = [
        p for p in python_files(*OURS) if p.read_text().strip() and not ast.get_docstring(ast.parse(p.read_text()))
    ]
    assert not silent
