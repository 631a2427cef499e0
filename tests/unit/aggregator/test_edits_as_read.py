"""An edit moves a rep's readings from what they were to what they are: nothing in between is ever shown."""

from __future__ import annotations

from datetime import date

import pytest
from msgspec.structs import replace

from shared.domain.cells import SubjectCells
from shared.domain.folded import folded_of, held_as, parsed
from shared.domain.instants import parse
from shared.domain.kpis import Aggregate
from shared.domain.periods import PeriodRules
from shared.domain.reading import Moment, Reading
from shared.domain.readings import Readings
from shared.domain.tenant import Tenant
from tests.support.aggregator_edits import BASE, EDITS
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.aggregator_tenant import RANKED_KPIS, kpi
from tests.support.changes import call
from tests.support.tenants import kpi as any_kpi

NOW = Moment(parse("2026-11-24T12:00:00Z"))


def read(floor: InMemoryFloor, tenant: Tenant, kpi_id: str) -> Reading:
    """Ana's reading of the 23rd, as who has a configuration already reads what is stored."""
    day, readings = PeriodRules().of_id("2026-11-23"), Readings(tenant)
    chosen = readings.definitions.on(day.first)[kpi_id]
    cells = floor.scoreboard_store.subject_cells("ana")
    return readings.of_rep(tenant.organisation.reps["ana"], [chosen], day, cells, moment=NOW)[0]


@pytest.fixture
async def floor() -> InMemoryFloor:
    found = InMemoryFloor(BASE)
    await found.take([call("c-1"), call("c-2", fields={"direction": "inbound", "outcome": "callback"})])
    return found


RANKED = replace(BASE, kpis={**BASE.kpis, "talk_p90": kpi(RANKED_KPIS[2])})
ANOTHER_AGGREGATE = replace(
    BASE, kpis={**BASE.kpis, "calls": replace(BASE.kpis["calls"], aggregate=Aggregate.DISTINCT, field="account")}
)


@pytest.mark.parametrize(
    ("edit", "kpi_id", "after"),
    [
        (EDITS["version added"], "calls", 1),
        (EDITS["distinct version added"], "accounts_touched", 1),
        (RANKED, "talk_p90", 120),
        (ANOTHER_AGGREGATE, "calls", 1),
    ],
)
async def test_what_is_not_counted_yet_is_null_and_not_measurable(
    floor: InMemoryFloor, edit: Tenant, kpi_id: str, after: int
) -> None:
    floor.edit(edit)
    early = read(floor, edit, kpi_id)
    assert (early.value, early.measurable) == ((1, True) if kpi_id == "accounts_touched" else (None, False))
    await floor.settle()
    settled = read(floor, edit, kpi_id)
    assert (settled.value, settled.measurable) == (after, True)


async def test_what_is_counted_differently_is_shown_as_it_was_until_then(floor: InMemoryFloor) -> None:
    edit = EDITS["filter changed"]
    floor.edit(edit)
    assert read(floor, edit, "calls").value == 1
    await floor.take([call("c-3")])
    assert read(floor, edit, "calls").value == 2
    await floor.settle()
    assert read(floor, edit, "calls").value == 1


async def test_a_ratio_waits_for_its_parts(floor: InMemoryFloor) -> None:
    later = replace(BASE.kpis["deals_won"], effective=date(2026, 11, 1))
    edit = replace(BASE, kpis={**BASE.kpis, later.definition: later})
    assert read(floor, edit, "win_rate").measurable is False


def test_who_was_never_folded_has_nothing_at_all() -> None:
    assert SubjectCells().count_all([any_kpi("calls")])
    assert not SubjectCells(folded=frozenset()).count_all([any_kpi("calls")])


def test_an_average_is_kept_as_a_sum_and_a_rank_as_any_other() -> None:
    same = [{Aggregate.SUM, Aggregate.AVERAGE}, {Aggregate.MINIMUM, Aggregate.MAXIMUM, Aggregate.PERCENTILE}]
    for aggregates in same:
        assert len({held_as(any_kpi("x", aggregate=aggregate)) for aggregate in aggregates}) == 1
    assert len({held_as(any_kpi("x", aggregate=aggregate)) for aggregate in Aggregate}) == len(Aggregate) - 3


def test_what_is_folded_survives_its_text() -> None:
    kpis = [each for each in BASE.kpis.values() if each.aggregate is not Aggregate.RATIO]
    assert parsed(folded_of(BASE.kpis.values())) == {held_as(each) for each in kpis}
