"""What a comparison lists is every reading that differs, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.diff.comparing import Change, Comparison, Moved, SubjectKind
from cli.diff.folded import EMPTY, Folding, Held, Pair
from services.aggregator.domain.attribution import AttributionRule
from shared.domain.derivation import facts_of
from shared.domain.facts import Fact
from shared.domain.instants import parse
from shared.domain.people import DateSpan, Membership, Organisation, Team
from shared.domain.periods import Period, PeriodKind, PeriodRules, local_day
from shared.domain.reading import Moment, Reading
from shared.domain.readings import Org, Readings
from shared.domain.records import Record, RecordKey
from shared.domain.targets import Scope, TargetEntry
from shared.domain.tenant import Tenant
from tests.support.aggregator_edits import BASE, EDITS
from tests.support.floor_events import as_change, deliveries

NOW = parse("2026-11-24T12:00:00Z")
MOMENT = Moment(NOW)
FIRST = date(2026, 10, 28)


def asking(value: int, **changes: Any) -> tuple[TargetEntry, ...]:
    entry = TargetEntry(kpi="calls", period=PeriodKind.DAY, scope=Scope.ALL, value=Decimal(value))
    return (msgspec.structs.replace(entry, **changes),)


def in_teams(tenant: Tenant, **teams: str) -> Tenant:
    organisation = tenant.organisation
    reps = {
        rep.id: msgspec.structs.replace(rep, memberships=(Membership(teams.get(rep.id, "emea")),))
        for rep in organisation.reps.values()
    }
    known = {name: Team(id=name, name=name, zone="Europe/Berlin") for name in ("emea", "apac")}
    return msgspec.structs.replace(tenant, organisation=Organisation(known, reps))


ASKED = msgspec.structs.replace(BASE, targets=asking(3))
VARIANTS: dict[str, Tenant] = EDITS | {
    "target": ASKED,
    "target raised": msgspec.structs.replace(BASE, targets=asking(4, span=DateSpan(date(2026, 11, 10)))),
    "team": in_teams(ASKED),
    "team changed": in_teams(ASKED, ana="apac"),
    "week": msgspec.structs.replace(ASKED, calendar=msgspec.structs.replace(BASE.calendar, periods=PeriodRules(6, 4))),
}  # fmt: skip
variants = st.sampled_from(sorted(VARIANTS))


def facts_by_rep(tenant: Tenant, events: list[dict[str, Any]]) -> dict[str, list[Fact]]:
    records: dict[RecordKey, Record] = {}
    for change in map(as_change, events):
        key = RecordKey.of(change)
        if key in records:
            records[key].merge(change)
        else:
            records[key] = Record.of(change)
    rule, found = AttributionRule.of(tenant), {}
    for key, record in records.items():
        for fact in facts_of(key, record, rule.credit):
            found.setdefault(tenant.subject_of(fact.source, fact.owner), []).append(fact)
    return found


def compared(old: Tenant, new: Tenant, events: list[dict[str, Any]]) -> tuple[Comparison, dict[str, Pair]]:
    folding, facts = Folding(old, new), (facts_by_rep(old, events), facts_by_rep(new, events))
    reps = dict.fromkeys((*old.organisation.reps, *new.organisation.reps))
    pairs = {
        rep: folding.pair(
            rep,
            Held(facts[0].get(rep, ())),
            Held(facts[1].get(rep, ())),
            same_facts=facts[0].get(rep) == facts[1].get(rep),
        )
        for rep in reps
    }
    return Comparison(old, new, pairs, MOMENT, since=None), pairs


Key = tuple[str, str, str, str]


def every(tenant: Tenant, pairs: dict[str, Pair], *, is_new: bool) -> Iterator[tuple[Key, tuple[Any, ...]]]:
    """All readings of a configuration, the long way: each rep, team, kind and day."""
    readings = Readings(tenant)
    cells = {rep: pair.new if is_new else pair.old for rep, pair in pairs.items()}
    for kind in PeriodKind:
        days = (FIRST + timedelta(days=n) for n in range((date(2026, 11, 26) - FIRST).days))
        for period in {p.id: p for p in (tenant.calendar.periods.containing(kind, day) for day in days)}.values():
            kpis = list(readings.definitions.on(period.first).values())
            listed = {kpi.id for kpi in kpis if kpi.is_asked_of(period)}
            for rep in tenant.organisation.reps.values():
                found = readings.of_rep(rep, kpis, period, cells.get(rep.id, EMPTY), moment=MOMENT)
                is_now = local_day(NOW, rep.zone) in period
                yield from _kept(found, "rep", rep.id, listed, is_now=is_now)
            for team in tenant.organisation.teams.values():
                found = readings.of_team(team, kpis, period, cells, moment=MOMENT, org=Org.AS_WAS)
                yield from _kept(found, "team", team.id, listed, is_now=local_day(NOW, team.zone) in period)


def _kept(
    found: list[Reading], kind: str, subject: str, listed: set[str], *, is_now: bool
) -> Iterator[tuple[Key, tuple[Any, ...]]]:
    for one in found:
        if is_now or one.kpi in listed:
            yield (kind, subject, one.kpi, one.period.id), (one.value, one.target, one.expected_to_date)


@given(events=deliveries(), before=variants, after=variants)
@settings(max_examples=15, deadline=None)
def test_every_reading_that_differs_is_listed_and_no_other(
    events: list[dict[str, Any]], before: str, after: str
) -> None:
    old, new = VARIANTS[before], VARIANTS[after]
    comparison, pairs = compared(old, new, events)
    listed = {_key(change): change for change in (*comparison.reps(), *comparison.teams())}

    sides = dict(every(old, pairs, is_new=False)), dict(every(new, pairs, is_new=True))
    first = min((day for pair in pairs.values() if (day := pair.first_day)), default=None)
    for key in sides[0].keys() | sides[1].keys():
        before_, after_ = (side.get(key, (None, None, None)) for side in sides)
        change = listed.get(key)
        if change is not None:
            assert ((change.value.old, change.target.old, change.expected.old)) == before_
            assert ((change.value.new, change.target.new, change.expected.new)) == after_
        elif any(one != other and (one or other) for one, other in zip(before_, after_, strict=True)):
            assert first is None or not _may_count(key[3], (old, new), first) or not _has_begun(key[3], (old, new))


def _key(change: Change) -> Key:
    return (change.kind.value, change.subject, change.kpi, change.period)


def _periods(period_id: str, tenants: tuple[Tenant, Tenant]) -> Iterator[Period]:
    for tenant in tenants:
        with suppress(ValueError):
            yield tenant.calendar.periods.of_id(period_id)


def _may_count(period_id: str, tenants: tuple[Tenant, Tenant], first: date) -> bool:
    """Whether a period reaches the first day on which anything counts: before it nothing is said."""
    return any(period.last >= first for period in _periods(period_id, tenants))


def _has_begun(period_id: str, tenants: tuple[Tenant, Tenant]) -> bool:
    """Whether a period has begun: what is to come is not said."""
    return any(period.first <= date(2026, 11, 24) for period in _periods(period_id, tenants))


def test_a_difference_is_exact() -> None:
    assert Moved(Decimal("0.1"), Decimal("0.3")).difference == Decimal("0.2")
    assert Moved(None, Decimal(1)).difference is None and Moved(None, Decimal(1)).differs


def test_the_current_periods_come_with_every_kpi() -> None:
    call = {"id": "e", "type": "call.logged", "record": "c", "occurred_at": "2026-11-24T09:00:00Z", "rep": "ana"}
    call |= {"fields": {"direction": "inbound", "duration_seconds": "60"}}
    comparison, _ = compared(EDITS["none"], EDITS["filter changed"], [call])

    found = {(change.subject, change.kpi, change.period) for change in comparison.reps() if change.is_current}

    assert ("ana", "calls", "2026") in found and ("ana", "calls", "2026-11-24") in found
    assert all(change.kind is SubjectKind.REP and change.value.difference == 1 for change in comparison.reps())
