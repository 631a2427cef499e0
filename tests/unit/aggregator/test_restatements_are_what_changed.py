"""What is told of closed periods is exactly what their readings show before and after, event by event or coalesced."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.domain.changes import RecordChange
from shared.domain.instants import parse
from shared.domain.periods import local_day
from shared.domain.readings import Readings
from shared.domain.restatements import Restatement, asked_of
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.aggregator_tenant import counting_tenant
from tests.support.floor_events import LONG_PERIODS, PERIODS, as_change, deliveries

TENANT = counting_tenant()
READINGS = Readings(TENANT)
RULES = TENANT.calendar.periods
ALL_PERIODS = [RULES.of_id(name) for name in (*PERIODS, *LONG_PERIODS)]
RECEIVED = [
    parse(text)
    for text in (
        "2026-11-22T20:00:00Z", "2026-11-23T18:31:00Z", "2026-11-23T23:30:00Z", "2026-11-24T08:30:00Z",
        "2026-11-30T12:00:00Z", "2026-12-01T12:00:00Z", "2027-01-01T07:59:59Z", "2027-01-02T00:00:00Z",
    )
]  # fmt: skip
"""Some are another day for one rep than for another."""
Place: TypeAlias = tuple[str, str, str]
"""(rep, KPI, period)."""
Values: TypeAlias = dict[Place, Decimal | None]
Told: TypeAlias = tuple[Place, Decimal | None, Decimal | None]


@st.composite
def received(draw: st.DrawFn) -> list[RecordChange]:
    """Changes in the order of their receipt."""
    events: list[dict[str, Any]] = draw(deliveries(10))
    instants = sorted(draw(st.lists(st.sampled_from(RECEIVED), min_size=len(events), max_size=len(events))))
    return [replace(as_change(event), received_at=at) for event, at in zip(events, instants, strict=True)]


def shown(floor: InMemoryFloor) -> Values:
    found: Values = {}
    for rep in TENANT.organisation.reps.values():
        cells = floor.scoreboard_store.subject_cells(rep.id)
        for period in ALL_PERIODS:
            kpis = asked_of(READINGS, period)
            values = READINGS.closed_values(rep, kpis, period, cells)
            found |= {(rep.id, kpi.id, period.id): value for kpi, value in zip(kpis, values, strict=True)}
    return found


def closed(place: Place, on: date) -> bool:
    return RULES.of_id(place[2]).last < on


def day_of(change: RecordChange, rep: str) -> date:
    return local_day(change.received_at, TENANT.organisation.reps[rep].zone)


def expected(steps: Sequence[tuple[RecordChange, Values, Values]], rep: str) -> Iterator[Told]:
    """What has to be told of a rep after some events: per day of receipt, what its first found and its last left."""
    for on in sorted({day_of(change, rep) for change, _, _ in steps}):
        of_day = [step for step in steps if day_of(step[0], rep) == on]
        before, after = of_day[0][1], of_day[-1][2]
        for place, was in before.items():
            if place[0] == rep and closed(place, on) and was != after[place]:
                yield place, was, after[place]


def told(found: Sequence[Restatement]) -> list[Told]:
    return sorted(
        [((each.rep, each.kpi, each.period[1]), each.before, each.after) for each in found if is_known(each)], key=str
    )


def is_known(each: Restatement) -> bool:
    return each.period[1] in {period.id for period in ALL_PERIODS}


async def play(changes: Sequence[RecordChange], gathered: Sequence[bool]) -> tuple[list[Told], list[Told]]:
    """Tells after each event, or with the next one where they are to be gathered."""
    floor, steps, wanted = InMemoryFloor(TENANT), list[tuple[RecordChange, Values, Values]](), list[Told]()
    for number, change in enumerate(changes):
        before = shown(floor)
        await floor.take([change])
        steps.append((change, before, shown(floor)))
        if number + 1 == len(changes) or not gathered[number % len(gathered)]:
            await floor.restate()
            wanted += [each for rep in TENANT.organisation.reps for each in expected(steps, rep)]
            steps.clear()
    return told(floor.told()), sorted(wanted, key=str)


@settings(deadline=None, max_examples=150)
@given(received(), st.lists(st.booleans(), min_size=1, max_size=6))
def test_every_reading_of_a_closed_period_that_changes_is_restated(
    changes: list[RecordChange], gathered: list[bool]
) -> None:
    found, wanted = asyncio.run(play(changes, gathered))
    assert found == wanted


@settings(deadline=None, max_examples=60)
@given(received(), st.lists(st.integers(1, 5), max_size=6))
def test_however_chunks_are_cut_the_last_restatement_says_what_the_reading_shows(
    changes: list[RecordChange], sizes: list[int]
) -> None:
    floor = InMemoryFloor(TENANT)
    last = [replace(change, received_at=RECEIVED[-1]) for change in changes]
    asyncio.run(floor.take(last, sizes))
    asyncio.run(floor.restate())
    values, seen = shown(floor), dict[Place, Decimal | None]()
    for each in filter(is_known, floor.told()):
        place = (each.rep, each.kpi, each.period[1])
        assert each.before == seen.get(place, each.before)
        seen[place] = each.after
    assert seen == {place: values[place] for place in seen}
    empty = shown(InMemoryFloor(TENANT))
    assert {
        place for place, value in values.items() if closed(place, date(2027, 1, 1)) and value != empty[place]
    } == set(seen)


@settings(deadline=None, max_examples=60)
@given(received())
def test_what_is_repeated_restates_nothing(changes: list[RecordChange]) -> None:
    floor = InMemoryFloor(TENANT)
    asyncio.run(floor.take(changes))
    asyncio.run(floor.restate())
    before = len(floor.told())
    asyncio.run(floor.take([replace(change, received_at=RECEIVED[-1]) for change in changes]))
    asyncio.run(floor.restate())
    assert len(floor.told()) == before
