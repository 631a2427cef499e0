"""The product's core gives what the oracle gives, on random events in any order, with repeats and in any chunks."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.accumulators import Tally, result
from shared.domain.cells import STATE_CELL, SubjectCells, covering_cells, distinct_definitions
from shared.domain.instants import parse
from shared.domain.kpis import Aggregate
from shared.domain.periods import PeriodRules, local_day
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.aggregator_tenant import counting_tenant
from tests.support.floor_events import LONG_PERIODS, NOW, PERIODS, PLAIN, as_change, deliveries
from tests.support.judge.readings import Judge

TENANT = counting_tenant()
RULES = PeriodRules()
ALL_PERIODS = (*PERIODS, *LONG_PERIODS)
DISTINCT = distinct_definitions(TENANT.kpis.values(), TENANT.kpis)
EXAMPLES = settings(deadline=None)
CONFIGURATION = PLAIN | {"sources": {"sources": [{"id": "native", "provider": "native"}]}}


def judge(told: Sequence[dict[str, Any]]) -> Judge:
    return Judge(CONFIGURATION, told, now=datetime.fromisoformat(NOW))


def as_fraction(value: Decimal | None) -> Fraction | None:
    return None if value is None else Fraction(value)


def floor_of(delivered: Sequence[dict[str, Any]], sizes: Sequence[int]) -> InMemoryFloor:
    floor = InMemoryFloor(TENANT)
    asyncio.run(floor.take([as_change(event) for event in delivered], sizes))
    return floor


def values(cells: Iterable[SubjectCells], period: str, *, holds_now: bool) -> dict[str, Fraction | None]:
    """Every KPI's value over some reps' cells; what holds now belongs to periods that contain now."""
    tally, names = Tally.empty(), covering_cells(RULES.of_id(period))
    for own in cells:
        tally.take_tally(own.tally((*names, STATE_CELL) if holds_now else names, DISTINCT))
    found = {}
    for kpi in TENANT.kpis.values():
        is_null = kpi.aggregate is Aggregate.LATEST and not holds_now
        found[kpi.id] = None if is_null else as_fraction(result(kpi, tally, TENANT.kpis))
    return found


def holds_now(zone: str, period: str) -> bool:
    return local_day(parse(NOW), zone) in RULES.of_id(period)


@settings(EXAMPLES, max_examples=100)
@given(deliveries(), st.lists(st.integers(1, 5), max_size=6))
def test_every_value_of_a_rep_is_the_oracles(delivered: list[dict[str, Any]], sizes: list[int]) -> None:
    floor = floor_of(delivered, sizes)
    oracle = judge(delivered)
    for rep in TENANT.organisation.reps.values():
        cells = floor.scoreboard_store.subject_cells(rep.id)
        for period in ALL_PERIODS:
            named = RULES.of_id(period)
            span = oracle.rep_span(rep.id, named.kind, named.first)
            expected = {kpi: oracle.rep_value(rep.id, kpi, span) for kpi in TENANT.kpis}
            assert values([cells], period, holds_now=holds_now(rep.zone, period)) == expected, (rep.id, period)


@settings(EXAMPLES, max_examples=30)
@given(deliveries(20))
def test_every_value_of_a_team_is_the_oracles(delivered: list[dict[str, Any]]) -> None:
    floor = floor_of(delivered, [4])
    oracle = judge(delivered)
    cells = [floor.scoreboard_store.subject_cells(rep) for rep in TENANT.organisation.reps]
    for period in ("2026-11-23", "w2026-11-23", "2026-q4"):
        named = RULES.of_id(period)
        span = oracle.team_span("emea", named.kind, named.first)
        kpis = (kpi for kpi in TENANT.kpis if kpi != "open_pipeline")
        expected = {kpi: oracle.team_value("emea", kpi, span, named.first, "as_was") for kpi in kpis}
        found = values(cells, period, holds_now=True)
        assert {kpi: found[kpi] for kpi in expected} == expected, period


@settings(EXAMPLES, max_examples=60)
@given(deliveries())
def test_facts_of_unmapped_owners_are_counted_as_the_oracle_counts_them(delivered: list[dict[str, Any]]) -> None:
    floor = floor_of(delivered, [3, 2])
    expected = Counter(f"acme/?{fact.source}/{fact.owner}" for fact in judge(delivered).unmapped)
    assert floor.scoreboard_store.unmapped == expected
