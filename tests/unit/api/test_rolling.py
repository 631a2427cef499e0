"""Rolling periods: exactly the facts of [start, end), whatever comes from cells and what from pages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.api.domain.asking import At, period_kind
from services.api.domain.standings import Ranking
from services.api.domain.viewers import Viewer
from services.api.queries import Queries, Wanted
from services.api.rolling_readings import TRIES, NumbersMoving
from shared.domain.access import Role
from shared.domain.amounts import amount_of
from shared.domain.changes import RecordChange
from shared.domain.exact import plain
from shared.domain.facts import Fact
from shared.domain.filters import compile_filter
from shared.domain.instants import SECOND_US, Micros, parse
from shared.domain.kpis import Aggregate, Kpi, Unit
from shared.domain.pace import Status
from shared.domain.people import DateSpan, Membership, Organisation
from shared.domain.periods import ONE_DAY, day_start, local_day
from shared.domain.reading import Reading
from shared.domain.readings import Org
from shared.domain.rolling import Rolling, RollingPeriod, edges, pages_of, whole_days
from shared.domain.tenant import Tenant
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.aggregator_tenant import KPIS, RANKED_KPIS, counting_tenant, kpi
from tests.support.api_parts import FixedConfiguration, KnownPipeline, TurnedClock
from tests.support.changes import call, deal
from tests.support.floor_events import INSTANTS, as_change, deliveries
from tests.support.floor_reads import FloorPages, FloorScoreboard
from tests.support.tenants import team

EXAMPLES = settings(deadline=None, max_examples=40)
ADMIN = Viewer(tenant="acme", role=Role.ADMIN, key="test")
LENGTHS = ("1s", "60m", "90m", "24h", "36h", "2d", "7d", "30d", "60d", "366d")
MOVED = date(2026, 11, 23)


def moving_tenant() -> Tenant:
    """Ana leaves emea on the 23rd; bo joins that day; cy is always there."""
    tenant = counting_tenant(written=[*KPIS, *RANKED_KPIS])
    spans = {"ana": DateSpan(None, MOVED - ONE_DAY), "bo": DateSpan(MOVED, None), "cy": DateSpan()}
    reps = {
        rep.id: replace(rep, memberships=(Membership("emea", spans[rep.id]),))
        for rep in tenant.organisation.reps.values()
    }
    return replace(tenant, organisation=Organisation({"emea": team("emea")}, reps))


TENANT = moving_tenant()


def queries(floor: InMemoryFloor, now: str = "2026-11-24T12:00:00Z", **others: Any) -> Queries:
    store = floor.scoreboard_store
    scoreboard = others.get("scoreboard", FloorScoreboard(store))
    clock = TurnedClock(parse(now))
    return Queries(FixedConfiguration(floor.tenant), scoreboard, KnownPipeline(), clock, pages=FloorPages(store))


def floor_after(delivered: Iterable[dict[str, Any]], tenant: Tenant = TENANT) -> InMemoryFloor:
    floor = InMemoryFloor(tenant)
    asyncio.run(floor.take([as_change(event) for event in delivered]))
    return floor


def floor_of(changes: Sequence[RecordChange]) -> InMemoryFloor:
    floor = InMemoryFloor(TENANT)
    asyncio.run(floor.take(changes))
    return floor


CALLS = [call(f"c-{n}", at=parse("2026-11-24T11:00:00Z") + n * SECOND_US, owner="cy") for n in range(3)]


def wanted(length: str, at: At = None, *kpis: str) -> Wanted:
    return Wanted(kind=period_kind(f"rolling:{length}"), at=at, kpis=kpis)


FOLDS: dict[Aggregate, Callable[[list[Decimal], Kpi], Decimal]] = {
    Aggregate.SUM: lambda numbers, _: sum(numbers, Decimal(0)),
    Aggregate.AVERAGE: lambda numbers, _: sum(numbers, Decimal(0)) / len(numbers),
    Aggregate.MINIMUM: lambda numbers, _: numbers[0],
    Aggregate.MAXIMUM: lambda numbers, _: numbers[-1],
    Aggregate.PERCENTILE: lambda numbers, kpi: next(
        n for i, n in enumerate(numbers, 1) if i * 100 >= (kpi.percentile or 0) * len(numbers)
    ),
}


def slow_value(kpi: Kpi, facts: Sequence[tuple[Fact, date]]) -> Decimal | None:
    """The obvious fold of the facts of a window, each with its local day."""
    if kpi.aggregate is Aggregate.RATIO:
        numerator, denominator = (slow_value(TENANT.kpis[p or ""], facts) for p in (kpi.numerator, kpi.denominator))
        return None if not denominator else (numerator or 0) / denominator
    holds, amount = compile_filter(kpi.where), amount_of(kpi, TENANT.currencies)
    kept = [(f, d) for f, d in facts if f.kind in kpi.facts and (holds is None or holds(f.fields))]
    if kpi.aggregate is Aggregate.COUNT:
        return Decimal(len(kept))
    if kpi.aggregate is Aggregate.DISTINCT:
        return Decimal(len({f.fields.get(kpi.field or "") for f, _ in kept} - {None}))
    numbers = sorted(found for f, d in kept if (found := amount(f, d)) is not None)
    is_null = kpi.aggregate is Aggregate.LATEST or (not numbers and kpi.aggregate is not Aggregate.SUM)
    return None if is_null else FOLDS[kpi.aggregate](numbers, kpi)


def rounded(value: Decimal | None, unit: Unit) -> Decimal | None:
    if value is None:
        return None
    return Decimal(plain(value.quantize(Decimal("0.0001" if unit is Unit.MONEY else "0.000001"))))


def inside(floor: InMemoryFloor, rep_id: str, period: RollingPeriod) -> list[tuple[Fact, date]]:
    zone = floor.tenant.organisation.reps[rep_id].zone
    start, end = period.bounds(zone)
    facts = (fact for (subject, _, _), fact in floor.scoreboard_store.facts().items() if subject == rep_id)
    return [(fact, local_day(fact.at, zone)) for fact in facts if not fact.is_state and start <= fact.at < end]


def asked_period(of: Wanted) -> RollingPeriod:
    assert isinstance(of.kind, Rolling) and of.at is not None
    return RollingPeriod(of.kind, of.at, "Europe/Berlin")


ENDS = st.one_of(
    st.sampled_from([parse(instant) + step for instant in INSTANTS for step in (0, 1)]),
    st.integers(parse("2026-10-30T00:00:00Z"), parse("2026-12-01T00:00:00Z")),
    st.sampled_from([date(2026, 10, 31), date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 24)]),
)


@EXAMPLES
@given(deliveries(), st.sampled_from(LENGTHS), ENDS)
def test_a_reps_rolling_value_is_that_of_the_facts_within(delivered: list[dict[str, Any]], length: str, at: At) -> None:
    floor, of = floor_after(delivered), wanted(length, at)
    for rep in TENANT.organisation.reps:
        facts = inside(floor, rep, asked_period(of))
        readings = asyncio.run(queries(floor).of_rep(ADMIN, rep, of)).readings
        expected = {k.id: rounded(slow_value(k, facts), k.unit) for k in TENANT.kpis.values()}
        assert {reading.kpi: reading.value for reading in readings} == expected


@EXAMPLES
@given(deliveries(), st.sampled_from(LENGTHS), ENDS, st.sampled_from(Org))
def test_a_teams_rolling_value_is_that_of_its_members_facts(
    delivered: list[dict[str, Any]], length: str, at: At, org: Org
) -> None:
    floor, of = floor_after(delivered), wanted(length, at)
    facts: list[tuple[Fact, date]] = []
    for rep in TENANT.organisation.reps.values():
        is_member = "emea" in rep.teams_on(date(2026, 11, 24))
        facts += [
            (fact, day)
            for fact, day in inside(floor, rep.id, asked_period(of))
            if (is_member if org is Org.AS_IS else "emea" in rep.teams_on(day))
        ]
    readings = asyncio.run(queries(floor).of_team(ADMIN, "emea", of, org=org)).readings
    expected = {k.id: rounded(slow_value(k, facts), k.unit) for k in TENANT.kpis.values()}
    assert {reading.kpi: reading.value for reading in readings} == expected


@given(ENDS, st.integers(1, 40 * 86_400), st.sampled_from(["Europe/Berlin", "America/St_Johns", "Asia/Kolkata"]))
def test_whole_days_and_edges_are_the_period(end: date | Micros, seconds: int, zone: str) -> None:
    period = RollingPeriod(Rolling("rolling:x", seconds * SECOND_US), end, zone)
    days = [(day_start(day, zone), day_start(day + ONE_DAY, zone)) for day in whole_days(period, zone)]
    spans = sorted([*edges(period, zone), *days])
    start, stop = period.bounds(zone)
    assert [first for first, _ in spans] == [start, *(last for _, last in spans[:-1])]
    assert spans[-1][1] == stop
    assert len(pages_of(edges(period, zone))) <= 4


def test_a_date_ends_on_each_members_own_wall() -> None:
    """Bo is in Los Angeles: her 23rd ends nine hours after Berlin's."""
    late = call("c-1", owner="bo", at=parse("2026-11-24T07:59:59Z"))
    floor = floor_of([late])
    of = wanted("60m", date(2026, 11, 23), "calls")
    found = asyncio.run(queries(floor).of_team(ADMIN, "emea", of, members=True)).readings
    assert [(r.value, r.period.end) for r in found] == [
        (1, "2026-11-23T23:00:00Z"), (1, "2026-11-24T08:00:00Z"), (0, "2026-11-23T18:30:00Z"),
    ]  # fmt: skip


@pytest.fixture
def floor() -> InMemoryFloor:
    return floor_of([*CALLS, deal("created", owner="cy", amount="7")])


def one(answer: Any) -> Reading:
    (reading,) = answer.readings
    assert isinstance(reading, Reading)
    return reading


async def test_what_has_just_happened_counts_at_once(floor: InMemoryFloor) -> None:
    now = queries(floor, "2026-11-24T11:00:03Z")
    reading = one(await now.of_rep(ADMIN, "cy", wanted("60m", None, "calls")))
    assert (reading.value, reading.period.end) == (3, "2026-11-24T11:00:15Z")


async def test_between_two_steps_of_the_grid_nothing_moves(floor: InMemoryFloor) -> None:
    found = [
        one(await queries(floor, now).of_rep(ADMIN, "cy", wanted("60m", None, "calls")))
        for now in ("2026-11-24T11:00:00Z", "2026-11-24T11:00:14.9Z", "2026-11-24T11:00:15Z")
    ]
    assert [found[0] == found[1], found[1] == found[2]] == [True, False]


async def test_nothing_is_asked_of_a_rolling_period_and_no_stock_is_of_it(floor: InMemoryFloor) -> None:
    stock = one(await queries(floor).of_rep(ADMIN, "cy", wanted("7d", None, "open_pipeline")))
    assert (stock.value, stock.target, stock.expected_to_date, stock.pace, stock.status, stock.miss_probability) == (
        None, None, None, None, Status.NO_TARGET, None,
    )  # fmt: skip


async def test_a_period_of_its_own_kind_names_its_bounds(floor: InMemoryFloor) -> None:
    reading = one(await queries(floor).of_rep(ADMIN, "cy", wanted("7d", parse("2026-11-24T12:00:01.5Z"), "calls")))
    assert (reading.period.kind, reading.period.id, reading.period.start, reading.period.time_zone) == (
        "rolling:7d", "rolling:7d", "2026-11-17T12:00:01.500000Z", "Asia/Kolkata",
    )  # fmt: skip


async def test_seven_days_cost_two_round_trips_and_few_pages(floor: InMemoryFloor) -> None:
    scoreboard, pages = FloorScoreboard(floor.scoreboard_store), FloorPages(floor.scoreboard_store)
    asking = Queries(FixedConfiguration(TENANT), scoreboard, KnownPipeline(), TurnedClock(), pages=pages)
    await asking.of_team(ADMIN, "emea", wanted("60d"), members=True)
    assert (len(scoreboard.asked), len(pages.asked)) == (1, 1)
    assert all(len(names or ()) <= 4 for names in pages.asked[0].values())
    assert "m2026-10" in scoreboard.asked[0]["cy"].cells


def test_numbers_that_change_between_cells_and_pages_are_read_again(floor: InMemoryFloor) -> None:
    """A call moves from an edge into a whole day, after the cells were read and before the pages are."""
    store, edits = floor.scoreboard_store, [call("c-0", owner="cy", at=parse("2026-11-22T05:00:00Z"))]
    moved = floor_of([*CALLS[1:], *edits]).scoreboard_store

    def meanwhile() -> None:
        for name in ("cells", "pages_held", "values"):
            setattr(store, name, getattr(moved, name))
        store.versions["acme", "cy"] = 99

    asking = queries(floor, scoreboard=FloorScoreboard(store, meanwhile))
    reading = one(asyncio.run(asking.of_rep(ADMIN, "cy", wanted("7d", None, "calls"))))
    assert (reading.version, reading.value) == (99, 3)


async def test_numbers_that_never_stand_still_are_not_guessed(floor: InMemoryFloor) -> None:
    store, asked = floor.scoreboard_store, []

    def meanwhile() -> None:
        asked.append(1)
        store.versions["acme", "cy"] += 1

    with pytest.raises(NumbersMoving):
        await queries(floor, scoreboard=FloorScoreboard(store, meanwhile)).of_rep(ADMIN, "cy", wanted("7d"))
    assert len(asked) == TRIES


async def test_a_rolling_period_uses_the_version_of_its_first_day(floor: InMemoryFloor) -> None:
    later = kpi({**KPIS[0], "effective": "2026-11-24", "where": {"direction": "inbound"}})
    floor.edit(replace(TENANT, kpis={**TENANT.kpis, later.definition: later}))
    await floor.settle()
    found = [one(await queries(floor).of_rep(ADMIN, "cy", wanted(length, None, "calls"))) for length in ("60m", "7d")]
    assert [(r.definition, r.value) for r in found] == [("calls@2026-11-24", 0), ("calls", 3)]


async def test_standings_rank_a_rolling_period_by_value(floor: InMemoryFloor) -> None:
    found = await queries(floor).standings(ADMIN, "calls", wanted("7d"), by=Ranking.VALUE)
    assert [(place.rank, place.reading.rep, place.score) for place in found.places] == [
        (1, "cy", 3), (2, "ana", 0), (2, "bo", 0),
    ]  # fmt: skip
    improved = await queries(floor).standings(ADMIN, "calls", wanted("7d"), by=Ranking.IMPROVEMENT)
    assert [place.rank for place in improved.places] == [None, None, None]
