"""The demo's tenant: the sample one, moved so that it is the middle of a working day now, whenever now is.

A board on a Sunday night would be dead, and an alert that holds for ten minutes of working time would come after the
visitor has left. So the working day is laid around the present moment, on every day of the week, without holidays.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from shared.domain.instants import Micros, to_datetime

TEMPLATE = Path(__file__).resolve().parents[2] / "config" / "acme"
BEFORE, AFTER = timedelta(hours=4), timedelta(hours=5)
"""The part of the working day that has passed at the start, and the part that is left."""
ZONES = (
    "Pacific/Honolulu", "America/Phoenix", "America/Bogota", "America/Sao_Paulo", "Atlantic/Reykjavik", "Africa/Lagos",
    "Africa/Nairobi", "Asia/Dubai", "Asia/Dhaka", "Asia/Bangkok", "Asia/Singapore", "Asia/Tokyo", "Australia/Brisbane",
)  # fmt: skip
"""Somewhere it is midday; none of these changes its clocks in the year."""
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OFFICE_DAYS = 5
"""What the sample tenant's weekly targets are meant for; the demo works on all seven."""
HOLDS = {"day": "20s", "week": "90s"}
"""Long enough to be seen pending, short enough to fire while somebody watches; rules on longer periods stay."""
HISTORY_DAYS = 15
"""How far the demo's past goes back; nothing is asked for before it."""
Yaml = dict[str, Any]


def write_demo_config(directory: Path, now: Micros) -> None:
    """Write the demo's configuration into a directory, which is made. ``now`` becomes four hours into the day."""
    shutil.copytree(TEMPLATE, directory, dirs_exist_ok=True)
    zone, hours = working_day(now, _read(directory / "tenant.yaml")["time_zone"])
    _change(directory / "tenant.yaml", lambda tenant: _tenant(tenant, zone, hours))
    _change(directory / "people.yaml", _people)
    _change(directory / "targets.yaml", lambda targets: _targets(targets, now))
    _change(directory / "alerts.yaml", _alerts)
    (directory / "access.yaml").unlink(missing_ok=True)  # no keys: the board opens, on this machine only


def working_day(now: Micros, home: str) -> tuple[str, str]:
    """The zone (the tenant's own unless it is night there) and the hours ``HH:MM-HH:MM`` of the day around now."""
    for zone in (home, *ZONES):
        local = to_datetime(now).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        start, end = _quarter(local - BEFORE), _quarter(local + AFTER)
        if start.date() == end.date():
            return zone, f"{start:%H:%M}-{end:%H:%M}"
    raise AssertionError("it is midday in one of the zones at any time")


def _quarter(moment: datetime) -> datetime:
    """The quarter of an hour that a moment lies in."""
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


def _tenant(tenant: Yaml, zone: str, hours: str) -> None:
    tenant["time_zone"] = zone
    tenant["calendar"] = {"working_hours": dict.fromkeys(WEEK, hours)}


def _people(people: Yaml) -> None:
    """One zone, everybody at work, nobody new: the history covers them all."""
    for each in [*people["teams"], *people["reps"]]:
        for key in ("time_zone", "working_hours", "absences"):
            each.pop(key, None)


def _targets(targets: Yaml, now: Micros) -> None:
    """In force since the history begins: a quarter is not behind for the weeks that nobody has played."""
    since = to_datetime(now).date() - timedelta(days=HISTORY_DAYS)
    for entry in targets["targets"]:
        entry["from"] = since
        if entry["period"] == "week":
            entry["value"] = entry["value"] * len(WEEK) / OFFICE_DAYS
        entry.pop("until", None)
        entry.pop("seasonality", None)


def _alerts(alerts: Yaml) -> None:
    """Rules that fire soon, told at once to the demo's own receiver and to nobody else."""
    for receiver in alerts["receivers"]:
        receiver |= {"type": "webhook", "url": {"env": "DEMO_ALERTS_URL"}, "secret": {"env": "DEMO_ALERTS_SECRET"}}
    for route in alerts["routes"]:
        route |= {"group_wait": "1s", "only_working_hours": False}
    for rule in alerts["rules"]:
        rule["hold"] = HOLDS.get(rule["period"], rule.get("hold", "0s"))


def _change(path: Path, change: Callable[[Yaml], None]) -> None:
    content = _read(path)
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _read(path: Path) -> Yaml:
    content: Yaml = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content
