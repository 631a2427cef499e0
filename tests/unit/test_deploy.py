"""The files that run Pacer in containers, as far as they can be checked without a container engine."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SERVICES = ("ingest", "aggregator", "alerts", "api")
DASHBOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def test_every_container_says_whether_it_is_healthy(compose: dict[str, Any]) -> None:
    assert not [name for name, service in compose["services"].items() if "healthcheck" not in service]


def test_ports_are_open_on_the_loopback_only(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", SERVICES)
def test_our_services_run_from_the_one_recipe_without_privileges(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["build"]["dockerfile"] == "deploy/Dockerfile"
    assert service["build"]["args"] == {"SERVICE": name}
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def test_every_mounted_file_exists(compose: dict[str, Any]) -> None:
    mounts = [volume for service in compose["services"].values() for volume in service.get("volumes", [])]
    ours = [mount.split(":")[0] for mount in mounts if mount.startswith("./") and "${" not in mount]
    assert ours and not [path for path in ours if not (ROOT / path).exists()]


def test_what_ingest_spools_outlives_its_container(compose: dict[str, Any]) -> None:
    place = re.findall(r"PACER_SPOOL__DIR=(\S+)", (ROOT / "deploy/Dockerfile").read_text())
    assert f"spool:{place[0]}" in compose["services"]["ingest"]["volumes"] and "spool" in compose["volumes"]


def test_no_image_floats(compose: dict[str, Any]) -> None:
    images = [service["image"] for service in compose["services"].values() if "image" in service]
    assert all(re.search(r":v?\d+\.\d+", image) for image in images)


@pytest.mark.parametrize("name", SERVICES)
def test_an_images_lock_is_a_part_of_the_whole_lock(name: str) -> None:
    pin = re.compile(r"^([a-z0-9._-]+==\S+)", re.MULTILINE)
    whole = set(pin.findall((ROOT / "requirements.lock").read_text()))
    assert set(pin.findall((ROOT / f"deploy/locks/{name}.lock").read_text())) <= whole


def test_the_image_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)$", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)
    assert users and users[-1] not in ("root", "0")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian package prometheus)")
def test_the_prometheus_rules_hold_their_own_tests() -> None:
    done = subprocess.run(
        ["promtool", "test", "rules", "rules_test.yml"],
        cwd=ROOT / "deploy/prometheus",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_has_a_test_and_a_section_in_the_runbook() -> None:
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())
    names = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    tests = (ROOT / "deploy/prometheus/rules_test.yml").read_text()
    runbook = (ROOT / "docs/runbook.md").read_text()
    assert not [name for name in names if f"alertname: {name}" not in tests]
    assert not [name for name in names if f"## {name}" not in runbook]


@pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed (Debian: prometheus-alertmanager)")
def test_alertmanager_accepts_its_configuration() -> None:
    path = ROOT / "deploy/alertmanager/alertmanager.yml"
    assert subprocess.run(["amtool", "check-config", path], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboards_panels_do_not_overlap(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(path.read_text())["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
