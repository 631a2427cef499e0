"""What an edit of the configuration does to closed periods is told as exactly what their readings show."""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.domain.instants import parse
from shared.domain.kpis import Aggregate, Unit
from shared.domain.people import Rep
from shared.domain.periods import local_day
from shared.domain.readings import Readings
from shared.domain.restatements import Restatement, RestatementReason, asked_of
from shared.domain.tenant import Tenant
from tests.support.aggregator_edits import BASE, EDITS
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.changes import call, deal
from tests.support.floor_events import LONG_PERIODS, PERIODS, as_change, deliveries

EDITED_AT = parse("2026-12-01T07:00:00Z")
"""Still November in Los Angeles."""
ALL_PERIODS = [BASE.calendar.periods.of_id(name) for name in (*PERIODS, *LONG_PERIODS)]
Place: TypeAlias = tuple[str, str, str]
Values: TypeAlias = dict[Place, Decimal | None]


def shown(floor: InMemoryFloor, tenant: Tenant, reps: dict[str, Rep]) -> Values:
    """Readings of the periods that are over for a rep when the edit is accepted."""
    readings, found = Readings(tenant), Values()
    for rep in reps.values():
        for period in ALL_PERIODS:
            if period.last < local_day(EDITED_AT, rep.zone):
                kpis = asked_of(readings, period)
                values = readings.closed_values(rep, kpis, period, floor.scoreboard_store.subject_cells(rep.id))
                found |= {(rep.id, kpi.id, period.id): value for kpi, value in zip(kpis, values, strict=True)}
    return found


def chains(told: list[Restatement]) -> dict[Place, tuple[Decimal | None, Decimal | None]]:
    """From the first value to the last of each reading."""
    found: dict[Place, tuple[Decimal | None, Decimal | None]] = {}
    for each in told:
        place = (each.rep, each.kpi, each.period[1])
        first, last = found.get(place, (each.before, each.before))
        assert last == each.before
        found[place] = (first, each.after)
    return {place: both for place, both in found.items() if both[0] != both[1]}


async def play(delivered: list[dict[str, Any]], edit: str, *, restarted: bool) -> None:
    floor = InMemoryFloor(BASE)
    await floor.take([as_change(event) for event in delivered], [3, 2])
    await floor.restate()
    before, already = shown(floor, BASE, EDITS[edit].organisation.reps), len(floor.told())
    floor.edit(EDITS[edit], at=EDITED_AT)
    if restarted:
        floor.restart()
    await floor.settle()
    await floor.restate()
    after, told = shown(floor, EDITS[edit], EDITS[edit].organisation.reps), floor.told()[already:]
    expected = {p: (before[p], after[p]) for p in before.keys() & after.keys() if before[p] != after[p]}
    of_periods = [each for each in told if each.period[1] in {period.id for period in ALL_PERIODS}]
    assert chains(of_periods) == expected
    assert {(each.cause.reason, each.cause.at) for each in told} <= {(RestatementReason.CONFIGURATION, EDITED_AT)}


@settings(deadline=None, max_examples=120)
@given(deliveries(), st.sampled_from(sorted(EDITS)), st.booleans())
def test_every_reading_that_an_edit_changes_is_restated(
    delivered: list[dict[str, Any]], edit: str, restarted: bool
) -> None:
    asyncio.run(play(delivered, edit, restarted=restarted))


@pytest.fixture
async def floor() -> InMemoryFloor:
    """Ana has two calls of two minutes and a deal of 100 in October."""
    found, october = InMemoryFloor(BASE), parse("2026-10-20T12:00:00Z")
    await found.take([call("c-1", at=october), call("c-2", at=october), deal("won", at=october, amount="100")])
    await found.restate()
    assert found.told() == []
    return found


def with_kpi(kpi_id: str, **changed: Any) -> Tenant:
    kpi = replace(BASE.kpis[kpi_id], **changed)
    return replace(BASE, kpis={**BASE.kpis, kpi_id: kpi})


async def edited(floor: InMemoryFloor, tenant: Tenant, kpi: str) -> list[tuple[Decimal | None, Decimal | None]]:
    floor.edit(tenant, at=EDITED_AT)
    floor.restart()
    await floor.settle()
    await floor.restate()
    return [(e.before, e.after) for e in floor.told() if (e.kpi, e.period) == (kpi, ("month", "2026-10"))]


async def test_what_a_kpi_was_is_told_by_its_own_aggregate(floor: InMemoryFloor) -> None:
    summed = with_kpi("calls", aggregate=Aggregate.SUM, unit=Unit.SECONDS, field="duration_seconds")
    assert await edited(floor, summed, "calls") == [(Decimal(2), Decimal(240))]


async def test_a_kpi_that_is_new_restates_nothing(floor: InMemoryFloor) -> None:
    more = replace(BASE, kpis={**BASE.kpis, "dials": replace(BASE.kpis["calls"], id="dials", where=())})
    assert await edited(floor, more, "dials") == []


async def test_a_kpi_that_counted_nothing_and_does_now_is_restated(floor: InMemoryFloor) -> None:
    never = with_kpi("calls", facts=("call.missed",))
    assert await edited(floor, never, "calls") == [(Decimal(2), Decimal(0))]
    assert await edited(floor, BASE, "calls") == [(Decimal(2), Decimal(0)), (Decimal(0), Decimal(2))]


async def test_a_name_that_is_edited_restates_nothing(floor: InMemoryFloor) -> None:
    assert await edited(floor, with_kpi("calls", name="Dials"), "calls") == []


async def test_a_version_that_counts_nothing_restates_what_the_one_before_counted(floor: InMemoryFloor) -> None:
    none = replace(BASE.kpis["calls"], facts=("call.missed",), effective=date(2026, 10, 1))
    assert await edited(floor, replace(BASE, kpis={**BASE.kpis, none.definition: none}), "calls") == [
        (Decimal(2), Decimal(0))
    ]
