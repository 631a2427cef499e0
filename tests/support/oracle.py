"""What every number has to be, by the contract's words alone: naive, slow, obvious, sharing no code with the product.

    oracle = Oracle(configuration, events, now="2026-11-23T12:00:00Z")
    oracle.rep("ana", "calls", "2026-11-23")        # a day, w2026-11-23, 2026-11, 2026-q4, 2026
    oracle.team("emea", "win_rate", "2026-q4")

``events``: native events as plain dicts, with ``source`` (default ``native``). ``configuration``: the YAML files'
content by file name without suffix: tenant, people, kpis; ``read_configuration`` reads it from a directory.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from tests.support.oracle_numbers import aggregate, satisfies
from tests.support.oracle_records import Fact, facts_of_record

Number = Fraction | None


def read_configuration(directory: Path) -> dict[str, Any]:
    """The YAML files of one tenant's directory."""
    return {path.stem: yaml.safe_load(path.read_text()) for path in directory.glob("*.yaml")}


def instant(text: str) -> datetime:
    """An RFC 3339 time."""
    return datetime.fromisoformat(text)


class Oracle:
    """The expected numbers of a set of events, in any order and with any repetition."""

    def __init__(self, configuration: dict[str, Any], events: Iterable[dict[str, Any]], *, now: str) -> None:
        self.tenant = configuration["tenant"]
        self.reps = {rep["id"]: rep for rep in configuration["people"]["reps"]}
        self.teams = {team["id"]: team for team in configuration["people"].get("teams", [])}
        self.kpis = {kpi["id"]: kpi for kpi in configuration["kpis"]["kpis"]}
        self.now = instant(now)
        self.facts = list(self._facts(events))

    def rep(self, rep: str, kpi: str, period: str) -> Number:
        """A rep's value; None is null."""
        return self._value([rep], kpi, period, member_of=None)

    def team(self, team: str, kpi: str, period: str) -> Number:
        """A team's value, its members as they were."""
        return self._value(list(self.reps), kpi, period, member_of=team)

    def unmapped(self) -> dict[str, int]:
        """Facts of owners whom nobody claims, by ``source/owner``."""
        found: dict[str, int] = {}
        for fact in self.facts:
            if self._rep_of(fact) is None:
                name = f"{fact.source}/{fact.owner}"
                found[name] = found.get(name, 0) + 1
        return found

    def _facts(self, events: Iterable[dict[str, Any]]) -> Iterable[Fact]:
        records: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        for event in events:
            key = (event.get("source", "native"), event["type"].split(".")[0], event.get("record", event["id"]))
            records.setdefault(key, []).append(event)
        credit = {"deal": "at_fact", "*": "current", **self.tenant.get("credit", {})}
        for (source, record_type, _), said in records.items():
            at_fact = credit.get(record_type, credit["*"]) == "at_fact"
            yield from facts_of_record(source, record_type, said, at_fact=at_fact)

    def _rep_of(self, fact: Fact) -> str | None:
        for rep in self.reps.values():
            if fact.owner in rep.get("identities", {}).get(fact.source, []):
                return str(rep["id"])
            if fact.source == "native" and fact.owner == rep["id"]:
                return str(rep["id"])
        return None

    def _value(self, reps: list[str], kpi_id: str, period: str, *, member_of: str | None) -> Number:
        kpi = self.kpis[kpi_id]
        if kpi["aggregate"] == "ratio":
            above = self._value(reps, kpi["numerator"], period, member_of=member_of)
            below = self._value(reps, kpi["denominator"], period, member_of=member_of)
            return None if above is None or not below else above / below
        if kpi["aggregate"] == "latest":
            members = [rep for rep in reps if self._is_member(rep, member_of, self._today(rep))]
            if not any(self._contains(period, self._today(rep)) for rep in members):
                return None
        facts = []
        for fact in self.facts:
            rep = self._rep_of(fact)
            if rep not in reps or rep is None or fact.kind not in kpi["facts"]:
                continue
            day = self._local_day(fact.at, rep)
            counted_on = self._today(rep) if kpi["aggregate"] == "latest" else day
            if not self._contains(period, counted_on) or not self._is_member(rep, member_of, counted_on):
                continue
            if all(satisfies(fact.fields.get(name), wanted) for name, wanted in kpi.get("where", {}).items()):
                facts.append((fact, day))
        return aggregate(kpi, facts, self.tenant)

    def _is_member(self, rep: str, team: str | None, day: date) -> bool:
        if team is None:
            return True
        for membership in self.reps[rep].get("teams", []):
            dated = membership if isinstance(membership, dict) else {"id": membership}
            since, until = dated.get("from"), dated.get("until")
            if (since and day < _date(since)) or (until and day > _date(until)):
                continue
            step = dated["id"]
            while step is not None:
                if step == team:
                    return True
                step = self.teams[step].get("parent")
        return False

    def _today(self, rep: str) -> date:
        return self._local_day(self.now, rep)

    def _local_day(self, at: datetime, rep: str) -> date:
        zone = self.reps[rep].get("time_zone", self.tenant["time_zone"])
        return at.astimezone(ZoneInfo(zone)).date()

    def _contains(self, period: str, day: date) -> bool:
        first, last = self._span(period)
        return first <= day <= last

    def _span(self, period: str) -> tuple[date, date]:
        if period.startswith("w"):
            first = date.fromisoformat(period[1:])
            return first, first + timedelta(days=6)
        if len(period) == 10:
            return date.fromisoformat(period), date.fromisoformat(period)
        fiscal_month = int(str(self.tenant.get("fiscal_year_start", "01-01"))[:2])
        year = int(period[:4])
        if len(period) == 4:
            return _months_from(date(year, fiscal_month, 1), 0, 12)
        if "q" in period:
            return _months_from(date(year, fiscal_month, 1), 3 * (int(period[-1]) - 1), 3)
        return _months_from(date(year, int(period[5:]), 1), 0, 1)


def _months_from(start: date, skipped: int, length: int) -> tuple[date, date]:
    first = _first_of_month(start, skipped)
    return first, _first_of_month(first, length) - timedelta(days=1)


def _first_of_month(day: date, later: int) -> date:
    months = day.year * 12 + day.month - 1 + later
    return date(months // 12, months % 12 + 1, 1)


def _date(value: date | str) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def as_fraction(value: Decimal | int | None) -> Number:
    """For comparing a product's number with the oracle's."""
    return None if value is None else Fraction(value)
