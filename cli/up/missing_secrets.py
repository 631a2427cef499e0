"""Which environment variables a configuration directory names that are not set: what a new user has to export."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_REFERENCE = re.compile(r"\benv:\s*[\"']?([A-Za-z_][A-Za-z0-9_]*)")
_COMMENT = re.compile(r"(^|\s)#.*")


def named_variables(text: str) -> tuple[str, ...]:
    """The names in ``{env: NAME}`` of a YAML text, in order, each once."""
    lines = (_COMMENT.sub("", line) for line in text.splitlines())
    return tuple(dict.fromkeys(name for line in lines for name in _REFERENCE.findall(line)))


def missing_variables(directory: Path, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The names that the directory's YAML files use and the environment lacks."""
    named = (name for path in sorted(directory.rglob("*.yaml")) for name in named_variables(path.read_text()))
    return tuple(dict.fromkeys(name for name in named if not environment.get(name)))


def advice(missing: tuple[str, ...]) -> str:
    """What to do about them."""
    exports = "\n".join(f"  export {name}=..." for name in missing)
    return f"The configuration takes secrets from variables that are not set:\n{exports}\nOr try it without: pacer demo"
