"""A value against what is asked. Contract 4.10, and the shown numbers of section 5."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.support.judge.asked import Asked
from tests.support.judge.times import Span

ON_TRACK, BEHIND = Fraction(99, 100), Fraction(8, 10)


@dataclass(frozen=True)
class Situation:
    """Is the period over; the working hours left; the best day's rate per hour, None without such a day."""

    over: bool
    hours_left: Fraction
    best: Fraction | None


def shown(
    version: dict[str, Any], period: Span, value: Fraction | None, asked: Asked | None, situation: Situation
) -> dict[str, Any]:
    """A reading: money to four places, everything else to six, half-even."""
    places = 4 if version["unit"] == "money" else 6
    lower = version.get("better") == "lower"
    target, expected = (asked.target, asked.expected) if asked else (None, None)
    attainment = value / target if value is not None and target else None
    pace = pace_of(value, expected, lower=lower)
    rate = required_rate(value, target, situation, lower=lower)
    effective = version.get("effective")
    return {
        "kpi": version["id"],
        "unit": version["unit"],
        "period": {"kind": period.kind, "id": period.id, "start": period.start, "end": period.end},
        "definition": version["id"] if effective is None else f"{version['id']}@{effective}",
        "value": to(value, places),
        "target": to(target, places),
        "target_assigned": to(asked.assigned if asked else None, places),
        "expected_to_date": to(expected, places),
        "attainment": to(attainment, 6),
        "pace": to(pace, 6),
        "required_rate": to(rate, places),
        "status": status(value, asked, pace, rate, situation, lower=lower),
    }


def to(value: Fraction | None, places: int) -> Fraction | None:
    return None if value is None else round(value, places)


def pace_of(value: Fraction | None, expected: Fraction | None, *, lower: bool) -> Fraction | None:
    if value is None or not expected:
        return None
    if lower:
        return expected / value if value else None
    return value / expected


def required_rate(
    value: Fraction | None, target: Fraction | None, situation: Situation, *, lower: bool
) -> Fraction | None:
    """Of nothing, all is left to do."""
    if target is None or lower:
        return None
    left = target - (value or 0)
    if left <= 0:
        return Fraction(0)
    return left / situation.hours_left if situation.hours_left and not situation.over else None


def status(
    value: Fraction | None,
    asked: Asked | None,
    pace: Fraction | None,
    rate: Fraction | None,
    situation: Situation,
    *,
    lower: bool,
) -> str:
    """The first that applies; nothing counts as 0."""
    if asked is None:
        return "no_target"
    known = value or Fraction(0)
    passed = known > asked.target if lower else known >= asked.target
    if passed or situation.over:
        return "achieved" if passed is not lower else "missed"
    if asked.expected <= 0:
        return "not_started"
    if lower and pace is None:
        return "on_track"
    if not lower and situation.best is not None and (rate is None or rate > situation.best):
        return "unreachable"
    return by_pace(pace)


def by_pace(pace: Fraction | None) -> str:
    if pace is None or pace < BEHIND:
        return "at_risk"
    return "on_track" if pace >= ON_TRACK else "behind"
