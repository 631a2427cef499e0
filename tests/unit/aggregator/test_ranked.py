"""Minimum, maximum and percentile: exact after any order, repetition, correction and withdrawal."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.aggregator.domain.counting import compile_plan
from services.aggregator.domain.pages import fold, number_text
from shared.domain.accumulators import nearest_rank, ranked, result
from shared.domain.amounts import amount_of
from shared.domain.cells import covering_cells, ranked_definitions
from shared.domain.exact import plain
from shared.domain.facts import Fact
from shared.domain.filters import compile_filter
from shared.domain.kpis import Aggregate, Kpi
from shared.domain.periods import PeriodRules, local_day
from tests.support import tenants
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.aggregator_tenant import RANKED_KPIS, counting_tenant
from tests.support.changes import T0, deal
from tests.support.floor_events import LONG_PERIODS, PERIODS, as_change, deliveries, events

TENANT = counting_tenant(written=RANKED_KPIS)
EXAMPLES = settings(deadline=None, max_examples=50)
SIZES = st.lists(st.integers(1, 5), max_size=5)
Event = dict[str, Any]
MEDIAN = tenants.kpi("p", aggregate=Aggregate.PERCENTILE, percentile=Decimal(50), field="n")


def floor_after(delivered: Sequence[Event], sizes: Sequence[int] = ()) -> InMemoryFloor:
    floor = InMemoryFloor(TENANT)
    asyncio.run(floor.take([as_change(event) for event in delivered], sizes))
    return floor


def picked(kpi: Kpi, numbers: list[Decimal]) -> Decimal | None:
    """The slow, obvious way."""
    if not numbers:
        return None
    if kpi.aggregate is Aggregate.PERCENTILE:
        assert kpi.percentile is not None
        below = (n for n in sorted(numbers) if 100 * sum(m <= n for m in numbers) >= kpi.percentile * len(numbers))
        return next(below)
    return min(numbers) if kpi.aggregate is Aggregate.MINIMUM else max(numbers)


def numbers_of(kpi: Kpi, facts: list[Fact], zone: str, period: str) -> list[Decimal]:
    holds, amount = compile_filter(kpi.where), amount_of(kpi, TENANT.currencies)
    inside = PeriodRules().of_id(period)
    days = [(fact, local_day(fact.at, zone)) for fact in facts if fact.kind in kpi.facts]
    kept = [(fact, day) for fact, day in days if day in inside and (holds is None or holds(fact.fields))]
    return [found for fact, day in kept if (found := amount(fact, day)) is not None]


@EXAMPLES
@given(deliveries(), SIZES)
def test_every_reading_is_the_number_that_the_facts_rank(delivered: list[Event], sizes: list[int]) -> None:
    store = floor_after(delivered, sizes).scoreboard_store
    definitions = ranked_definitions(TENANT.kpis.values(), TENANT.kpis)
    for rep in TENANT.organisation.reps.values():
        facts = [fact for (subject, _, _), fact in store.facts().items() if subject == rep.id]
        cells = store.subject_cells(rep.id)
        for period in (*PERIODS, *LONG_PERIODS):
            tally = cells.tally(covering_cells(PeriodRules().of_id(period)), definitions)
            for kpi in TENANT.kpis.values():
                expected = picked(kpi, numbers_of(kpi, facts, rep.zone, period))
                assert result(kpi, tally, TENANT.kpis) == expected, (rep.id, period, kpi.id)


@EXAMPLES
@given(st.data(), events())
def test_order_and_repeats_change_no_kept_number(data: st.DataObject, made: list[Event]) -> None:
    repeated = made + data.draw(st.lists(st.sampled_from(made), max_size=5))
    shuffled = floor_after(data.draw(st.permutations(repeated))).scoreboard_store
    assert shuffled.distinct_values() == floor_after(made).scoreboard_store.distinct_values()


@EXAMPLES
@given(deliveries(), SIZES)
def test_kept_numbers_are_the_fold_of_the_pages(delivered: list[Event], sizes: list[int]) -> None:
    floor = floor_after(delivered, sizes)
    store = floor.scoreboard_store
    assert (store.decoded_cells(), store.distinct_values()) == floor.folded()


@EXAMPLES
@given(deliveries(), SIZES)
def test_when_every_record_is_deleted_no_number_is_left(delivered: list[Event], sizes: list[int]) -> None:
    records = {(event["type"].split(".")[0], event["record"]) for event in delivered}
    deletions = [
        {"id": "z", "type": f"{kind}.deleted", "record": record, "occurred_at": "2026-11-25T00:00:00Z", "fields": {}}
        for kind, record in sorted(records)
    ]
    assert floor_after([*delivered, *deletions], sizes).scoreboard_store.distinct_values() == {}


def test_an_edit_from_a_maximum_to_a_minimum_leaves_the_rest_alone() -> None:
    async def edited() -> InMemoryFloor:
        floor = InMemoryFloor(TENANT)
        await floor.take([deal("won", record="d-1", amount="10"), deal("won", record="d-2", amount="7")])
        largest = replace(TENANT.kpis["largest_deal"], aggregate=Aggregate.MINIMUM)
        floor.edit(replace(TENANT, kpis={**TENANT.kpis, "largest_deal": largest}))
        await floor.settle()
        return floor

    floor = asyncio.run(edited())
    assert floor.scoreboard_store.distinct_values() == floor.folded()[1]


def test_a_kpi_that_is_gone_leaves_no_numbers() -> None:
    async def edited() -> InMemoryFloor:
        floor = InMemoryFloor(TENANT)
        await floor.take([deal("won", record="d-1", amount="10")])
        floor.edit(replace(TENANT, kpis={"shortest": TENANT.kpis["shortest"]}))
        await floor.settle()
        return floor

    assert asyncio.run(edited()).scoreboard_store.distinct_values() == {}


def test_equal_numbers_are_kept_as_one_however_they_are_written() -> None:
    plan = compile_plan(TENANT)
    facts = [
        Fact("call.logged", T0, "native", "call", f"c{n}", "ana", {"duration_seconds": text})
        for n, text in enumerate(["100", "1e2", "100.00", "+100", "-0", "0.0"])
    ]
    assert fold(plan, "UTC", facts).values["shortest", "d2026-11-23"] == {"100": 4, "0": 2}


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12))
def test_a_number_survives_its_text(number: Decimal) -> None:
    assert Decimal(number_text(number)) == number
    assert number_text(number) == number_text(number * 1) == plain(number + 0 if number else Decimal(0))


@given(st.lists(st.integers(-5, 5), max_size=30), st.integers(1, 1000))
def test_a_percentile_is_the_nearest_rank(numbers: list[int], tenths: int) -> None:
    kpi = replace(MEDIAN, percentile=Decimal(tenths) / 10)
    kept = {Decimal(n): numbers.count(n) for n in numbers}
    assert ranked(kpi, kept) == picked(kpi, [Decimal(n) for n in numbers])


def test_a_rank_is_exact_where_floats_are_not() -> None:
    """0.07 x 100 is 7.000000000000001 as floats: the eighth place."""
    assert nearest_rank(Decimal(7), 100) == 7
    assert nearest_rank(Decimal("0.1"), 10) == 1


def test_of_ten_thousand_facts_and_more_a_percentile_is_exact() -> None:
    kept = {Decimal(n): 1 for n in range(1, 25_001)}
    assert ranked(replace(MEDIAN, percentile=Decimal("99.99")), kept) == 24_998
