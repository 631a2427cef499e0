"""Dated versions of KPIs: a period uses the one in force on its first day. Contract section 2."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.accumulators import Accumulator
from shared.domain.cells import SubjectCells
from shared.domain.definitions import Definitions
from shared.domain.instants import parse
from shared.domain.kpis import Aggregate, Better, Kpi, Unit
from shared.domain.pace import Status
from shared.domain.periods import PeriodKind, PeriodRules
from shared.domain.reading import Moment, Reading
from shared.domain.readings import Org, Readings
from tests.support.tenants import kpi, rep, target, team, tenant

JULY = date(2026, 7, 1)
FIRST = kpi("calls")
SECOND = kpi("calls", effective=JULY, name="Calls, new style")
NOON = Moment(parse("2026-07-01T10:00:00Z"))


def reading(kpis: list[Kpi], period_id: str, cells: dict[str, dict[str, int]], **others: Any) -> Reading:
    """Ana's reading of the first KPI's id in a period, from counts by cell and definition."""
    acme = tenant(kpis=kpis, **others)
    readings, period = Readings(acme), PeriodRules().of_id(period_id)
    held = SubjectCells(1, {cell: {d: Accumulator(n, Decimal(n)) for d, n in of.items()} for cell, of in cells.items()})
    chosen = readings.definitions.on(period.first)[kpis[0].id]
    return readings.of_rep(acme.organisation.reps["ana"], [chosen], period, held, moment=NOON)[0]


@pytest.mark.parametrize(
    ("period", "definition", "value"),
    [
        ("2026-06-30", "calls", 1),
        ("2026-07-01", "calls@2026-07-01", 20),
        ("w2026-06-29", "calls", 3),
        ("w2026-07-06", "calls@2026-07-01", 40),
        ("2026-06", "calls", 5),
        ("2026-07", "calls@2026-07-01", 60),
        ("2026-q3", "calls@2026-07-01", 60),
        ("2026", "calls", 11),
    ],
)
def test_a_period_uses_the_version_of_its_first_day(period: str, definition: str, value: int) -> None:
    cells = {
        "d2026-06-30": {"calls": 1, "calls@2026-07-01": 10},
        "d2026-07-01": {"calls": 2, "calls@2026-07-01": 20},
        "d2026-07-06": {"calls": 4, "calls@2026-07-01": 40},
        "m2026-06": {"calls": 5, "calls@2026-07-01": 50},
        "m2026-07": {"calls": 6, "calls@2026-07-01": 60},
    }
    found = reading([SECOND, FIRST], period, cells)
    assert (found.definition, found.value) == (definition, value)


def test_before_the_first_version_there_is_no_value_and_nothing_is_asked() -> None:
    found = reading([SECOND], "2026-06-30", {"d2026-06-30": {"calls@2026-07-01": 10}}, targets=[target()])
    assert (found.value, found.target, found.status, found.definition) == (
        None, None, Status.NO_TARGET, "calls@2026-07-01",
    )  # fmt: skip


def test_a_ratio_divides_its_parts_as_they_were_defined() -> None:
    rate = kpi("rate", aggregate=Aggregate.RATIO, unit=Unit.RATIO, numerator="calls", denominator="all", facts=())
    kpis = [rate, FIRST, SECOND, kpi("all")]
    cells = {day: {"calls": 1, "calls@2026-07-01": 2, "all": 4} for day in ("d2026-06-30", "d2026-07-01")}
    values = [reading(kpis, period, cells).value for period in ("2026-06-30", "2026-07-01")]
    assert values == [Decimal("0.25"), Decimal("0.5")]


def test_a_ratio_has_no_value_before_a_part_has() -> None:
    rate = kpi("rate", aggregate=Aggregate.RATIO, unit=Unit.RATIO, numerator="calls", denominator="all", facts=())
    cells = {"d2026-06-30": {"calls@2026-07-01": 2, "all": 4}}
    assert reading([rate, SECOND, kpi("all")], "2026-06-30", cells).value is None


def test_a_version_may_be_another_aggregate_of_another_unit() -> None:
    talk = kpi("calls", effective=JULY, aggregate=Aggregate.AVERAGE, unit=Unit.SECONDS, field="s", better=Better.LOWER)
    asked = [target("60", kpi="calls", seasonality={6: Decimal("0.5"), 7: Decimal("0.5")})]
    held = {"d2026-06-30": {"calls": 30}, "d2026-07-01": {"calls": 30, "calls@2026-07-01": 2}}
    before, after = (reading([FIRST, talk], day, held, targets=asked) for day in ("2026-06-30", "2026-07-01"))
    assert (before.unit, before.value, before.target, before.status) == ("count", 30, 30, Status.ACHIEVED)
    assert (after.unit, after.value, after.target, after.status) == ("seconds", 1, 60, Status.ON_TRACK)


def test_a_target_applies_where_the_version_lists_its_period() -> None:
    weekly = kpi("calls", effective=JULY, periods=("week",))
    targets = [target()]
    assert reading([FIRST, weekly], "2026-06-30", {}, targets=targets).target == 60
    assert reading([FIRST, weekly], "2026-07-01", {}, targets=targets).target is None


def test_a_stock_is_of_the_version_that_the_period_of_now_uses() -> None:
    stock = {"aggregate": Aggregate.LATEST, "field": "amount", "facts": ("deal.open",)}
    kpis = [kpi("open", **stock), kpi("open", effective=JULY, **stock)]
    cells = {"now": {"open": 7, "open@2026-07-01": 9}}
    found = [reading(kpis, period, cells).value for period in ("2026-07-01", "2026", "2026-06-30")]
    assert found == [9, 7, None]


def test_the_best_day_is_measured_as_the_reading_is() -> None:
    acme = tenant(kpis=[FIRST, SECOND], targets=[target("60")])
    readings, day = Readings(acme, keeps_histories=True), PeriodRules().of_id("2026-07-01")
    ana = acme.organisation.reps["ana"]
    history = SubjectCells(1, {"d2026-06-30": {"calls": Accumulator(800), "calls@2026-07-01": Accumulator(8)}})
    (found,) = readings.of_rep(
        ana, [readings.definitions.on(day.first)["calls"]], day, SubjectCells(), moment=NOON, history=history
    )
    assert found.status is Status.UNREACHABLE
    assert readings.history_query(tuple(acme.kpis.values()), JULY).cells >= {"d2026-06-30"}


def test_a_team_is_read_by_the_same_version() -> None:
    acme = tenant(kpis=[FIRST, SECOND], reps=[rep("ana"), rep("bo")], teams=[team()])
    readings, week = Readings(acme), PeriodRules().of_id("w2026-06-29")
    cells = SubjectCells(1, {"d2026-07-01": {"calls": Accumulator(2), "calls@2026-07-01": Accumulator(5)}})
    (found,) = readings.of_team(
        acme.organisation.teams["emea"], [readings.definitions.on(week.first)["calls"]], week,
        {"ana": cells, "bo": cells}, moment=NOON, org=Org.AS_WAS,
    )  # fmt: skip
    assert (found.value, found.definition) == (4, "calls")


@given(st.lists(st.dates(date(2026, 1, 1), date(2026, 3, 1)), unique=True), st.booleans(), st.data())
def test_the_version_is_the_latest_that_has_begun(days: list[date], since_ever: bool, data: st.DataObject) -> None:
    effective: list[date | None] = [*days, *([None] if since_ever or not days else [])]
    versions = data.draw(st.permutations([kpi("calls", effective=day) for day in effective]))
    day = data.draw(st.dates(date(2025, 12, 1), date(2026, 4, 1)))
    begun = [each for each in effective if each is None or each <= day]
    expected = max(begun, key=lambda each: each or date.min) if begun else min(days)
    found = Definitions([*versions, kpi("other")]).on(day)
    assert (found["calls"].effective, found["calls"].has_begun(day)) == (expected, bool(begun))


def test_versions_are_known_by_id_in_configured_order() -> None:
    definitions = Definitions([kpi("b"), SECOND, kpi("a"), FIRST])
    assert list(definitions.ids) == ["b", "calls", "a"] == list(definitions.on(JULY))
    assert definitions.versions("calls") == (FIRST, SECOND)


def test_a_kind_that_a_version_does_not_list_is_not_asked_of() -> None:
    day = PeriodRules().containing(PeriodKind.DAY, JULY)
    assert [SECOND.is_asked_of(day), kpi("calls", periods=("week",)).is_asked_of(day)] == [True, False]
