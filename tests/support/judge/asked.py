"""What is asked of a rep or a team. Contract 4.9 and targets.yaml."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.judge.people import People
from tests.support.judge.times import Span, present_on, seconds, whole_on

Spans = list[tuple[datetime, datetime]]


@dataclass(frozen=True)
class Asked:
    """The effective target, what is due by now, the entry as written."""

    target: Fraction
    expected: Fraction
    assigned: Fraction


def exact(value: Any) -> Fraction:
    return Fraction(Decimal(str(value)))


def in_dates(entry: dict[str, Any], day: date) -> bool:
    return bool((entry.get("from") or date.min) <= day <= (entry.get("until") or date.max))


def months_since(hired: date, day: date) -> int:
    """Whole months, by anniversaries."""
    months = (day.year - hired.year) * 12 + day.month - hired.month
    return months if day.day >= hired.day else months - 1


class Targets:
    """`targets.yaml` as a list of entries, in the order of the file."""

    def __init__(self, people: People, entries: list[dict[str, Any]]) -> None:
        self.people = people
        self.entries: dict[tuple[str, str], list[tuple[int, dict[str, Any]]]] = {}
        for line, entry in enumerate(entries):
            self.entries.setdefault((entry["kpi"], entry["period"]), []).append((line, entry))
        self.whole = cache(self._whole)

    def entry(self, kpi: str, kind: str, rep: str, day: date) -> dict[str, Any] | None:
        """The most specific entry in force; then the latest `from`, then the later line."""
        found = []
        for line, entry in self.entries.get((kpi, kind), []):
            rank = self.specificity(entry["for"], rep, day)
            if rank is not None and in_dates(entry, day):
                found.append((rank, entry.get("from") or date.min, line, entry))
        return max(found, key=lambda one: one[:3])[3] if found else None

    def specificity(self, whom: Any, rep: str, day: date) -> tuple[int, int] | None:
        """(class, nearness), the greater wins; None: not for this rep."""
        if whom == "all":
            return (0, 0)
        if "role" in whom:
            return (1, 0) if self.people.reps[rep].get("role") == whom["role"] else None
        if "team" in whom:
            distance = self.people.distance(rep, whom["team"], day)
            return None if distance is None else (2, -distance)
        return (3, 0) if whom.get("rep") == rep else None

    def total_entry(self, kpi: str, kind: str, team: str, day: date) -> dict[str, Any] | None:
        found = [
            (entry.get("from") or date.min, line, entry)
            for line, entry in self.entries.get((kpi, kind), [])
            if entry["for"] != "all" and entry["for"].get("team_total") == team and in_dates(entry, day)
        ]
        return max(found, key=lambda one: one[:2])[2] if found else None

    def _whole(self, span: Span, zone: ZoneInfo) -> Fraction:
        """The working time of a period by the tenant's hours, in seconds."""
        return sum((seconds(whole_on(self.people.tenant, zone, day)) for day in span.days()), Fraction(0))

    def of_rep(
        self, kpi: str, span: Span, rep: str, now: datetime, *, prorated: bool, days: Iterable[date] | None = None
    ) -> Asked | None:
        """`days`: those on which she is a member, where a team asks."""
        zone, one, tenant = self.people.zone(rep), self.people.reps[rep], self.people.tenant
        if (kpi, span.kind) not in self.entries:
            return None
        whole = self.whole(span, zone)
        if not prorated:
            return as_it_stands(self.entry(kpi, span.kind, rep, span.last), whole)
        asked_on: list[tuple[dict[str, Any], date, Spans]] = []
        for day in span.days() if days is None else days:
            entry = self.entry(kpi, span.kind, rep, day)
            if entry is not None:
                asked_on.append((entry, day, present_on(tenant, one, zone, day)))
        return summed(asked_on, whole, one.get("hired"), now)

    def of_total(self, kpi: str, span: Span, team: str, now: datetime, *, prorated: bool) -> Asked | None:
        """The team's own entry, by the tenant's calendar only."""
        tenant, zone = self.people.tenant, ZoneInfo(self.people.tenant["time_zone"])
        if (kpi, span.kind) not in self.entries:
            return None
        whole = self.whole(span, zone)
        if not prorated:
            return as_it_stands(self.total_entry(kpi, span.kind, team, span.last), whole)
        asked_on = [
            (entry, day, whole_on(tenant, zone, day))
            for day in span.days()
            if (entry := self.total_entry(kpi, span.kind, team, day)) is not None
        ]
        return summed(asked_on, whole, None, now)


def as_it_stands(entry: dict[str, Any] | None, whole: Fraction) -> Asked | None:
    if entry is None or whole == 0:
        return None
    value = exact(entry["value"])
    return Asked(value, value, value)


def summed(
    asked_on: list[tuple[dict[str, Any], date, Spans]], whole: Fraction, hired: date | None, now: datetime
) -> Asked | None:
    if not asked_on or whole == 0:
        return None
    target = expected = Fraction(0)
    for entry, day, spans in asked_on:
        share = asked_share(entry, hired, day) / whole
        target += share * seconds(spans)
        expected += share * seconds(spans, before=now)
    return Asked(target, expected, exact(asked_on[-1][0]["value"]))


def asked_share(entry: dict[str, Any], hired: date | None, day: date) -> Fraction:
    """The entry's value on a day, with ramp and seasonality; nothing before `hired`."""
    if hired is not None and day < hired:
        return Fraction(0)
    ramp = entry.get("ramp") or []
    months = months_since(hired, day) if hired is not None else len(ramp)
    factor = exact(ramp[months]) if months < len(ramp) else Fraction(1)
    season = (entry.get("seasonality") or {}).get(day.month, 1)
    return exact(entry["value"]) * factor * exact(season)
