"""What a person wrote, with its dates as dates, whether a test says them as text or YAML has read them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import yaml

DATES = ("from", "until", "to", "hired", "effective", "closed")


def dated(value: Any, name: str = "") -> Any:
    """The same with every date of a dated key as a date."""
    if isinstance(value, dict):
        return {key: dated(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [dated(item, name) for item in value]
    return date.fromisoformat(value) if name in DATES and isinstance(value, str) else value


def read_configuration(directory: Path) -> dict[str, Any]:
    """The YAML files of one tenant's directory."""
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in directory.glob("*.yaml")}
