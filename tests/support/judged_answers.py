"""Answers of a running api against the judge: every field of every reading, digit for digit, at its instant."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from tests.support.judge.readings import Judge
from tests.support.stack import Stack

Question = tuple[str, str, str, dict[str, str]]
"""(``reps/ana`` or ``teams/emea``, kind, at, further parameters)."""
GRID = timedelta(seconds=15)
NUMBERS = ("value", "target", "target_assigned", "expected_to_date", "attainment", "pace", "required_rate")


async def wrong_readings(
    stack: Stack, configuration: dict[str, Any], told: list[dict[str, Any]], questions: Iterable[Question]
) -> list[str]:
    """Every reading that is not what the judge says, in words."""
    judge_at = cache(lambda now: Judge(configuration, told, now=now))
    found: list[str] = []
    for who, kind, at, others in questions:
        path = f"/v1/{who}/kpis"
        answer = await stack.http.get(stack.url("api", path), params={"period": kind, "at": at, **others})
        envelope = json.loads(answer.raise_for_status().text, parse_float=Decimal)
        as_of = datetime.fromisoformat(envelope["as_of"])
        now = as_of - (as_of - datetime.fromtimestamp(0, as_of.tzinfo)) % GRID
        for reading in envelope["readings"]:
            wanted = asked(judge_at(now), reading, kind, at, others)
            found += [f"{who} {kind} {at} {others} {line}" for line in unlike(reading, wanted)]
    return found


def asked(judge: Judge, reading: dict[str, Any], kind: str, at: str, others: dict[str, str]) -> dict[str, Any]:
    """The judge's reading of the same subject, KPI and period."""
    when = datetime.fromisoformat(at) if "T" in at else date.fromisoformat(at)
    if "team" in reading:
        return judge.team(reading["team"], reading["kpi"], kind, when, others.get("org", "as_was"))
    return judge.rep(reading["rep"], reading["kpi"], kind, when)


def unlike(reading: dict[str, Any], wanted: dict[str, Any]) -> Iterator[str]:
    """The fields that differ."""
    named = f"{reading.get('rep', reading.get('team'))} {wanted['kpi']}"
    for name in NUMBERS:
        number = reading[name]
        if (None if number is None else Fraction(number)) != wanted[name]:
            yield f"{named}.{name}: {number}, not {wanted[name]}"
    for name in ("unit", "status", "definition"):
        if reading[name] != wanted[name]:
            yield f"{named}.{name}: {reading[name]}, not {wanted[name]}"
    bounds = {name: datetime.fromisoformat(reading["period"][name]) for name in ("start", "end")}
    if wanted["period"] != {"kind": reading["period"]["kind"], "id": reading["period"]["id"], **bounds}:
        yield f"{named}.period: {reading['period']}, not {wanted['period']}"
    total = reading.get("members_target")
    pin = (reading.get("pinned", False), None if total is None else Fraction(total))
    if pin != (wanted.get("pinned", False), wanted.get("members_target")):
        yield f"{named}: pinned {pin}, not {wanted.get('pinned')} {wanted.get('members_target')}"
