"""Where a value stands against its target, contract section 4.10."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.exact import divide
from shared.domain.kpis import Better
from shared.domain.pace import Situation, Standing, Status, standing
from shared.domain.targets import Asked

HOUR = 3_600_000_000


def stands(value: str | None, *, target: str = "60", expected: str = "30", **situation: Any) -> Standing:
    defaults: dict[str, Any] = {"over": False, "better": Better.HIGHER, "working_left_us": 4 * HOUR}
    asked = Asked(Decimal(target), Decimal(expected), Decimal(target))
    return standing(None if value is None else Decimal(value), asked, Situation(**defaults | situation))


def test_without_a_target_there_is_nothing_to_judge() -> None:
    alone = Situation(over=False, better=Better.HIGHER, working_left_us=HOUR)
    assert standing(Decimal(5), None, alone) == Standing(status=Status.NO_TARGET)


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("60", Status.ACHIEVED),
        ("30", Status.ON_TRACK),
        ("29.7", Status.ON_TRACK),
        ("29.69", Status.BEHIND),
        ("24", Status.BEHIND),
        ("23.99", Status.AT_RISK),
    ],
)
def test_a_running_period_is_judged_by_pace(value: str, status: Status) -> None:
    assert stands(value).status is status


@pytest.mark.parametrize(("value", "status"), [("60", Status.ACHIEVED), ("59.9999", Status.MISSED)])
def test_a_period_that_is_over_is_achieved_or_missed(value: str, status: Status) -> None:
    assert stands(value, expected="60", over=True, working_left_us=0).status is status


def test_before_anything_is_expected_it_has_not_started() -> None:
    assert (stands("0", expected="0").status, stands("0", expected="0").pace) == (Status.NOT_STARTED, None)


def test_more_an_hour_than_her_best_day_gave_is_unreachable() -> None:
    assert stands("30", best_hourly=Decimal("7.49")).status is Status.UNREACHABLE
    assert stands("30", best_hourly=Decimal("7.5")).status is Status.ON_TRACK


def test_without_time_left_what_is_missing_is_unreachable() -> None:
    late = stands("50", expected="60", working_left_us=0, best_hourly=Decimal(100))
    assert (late.status, late.required_rate) == (Status.UNREACHABLE, None)


def test_the_required_rate_is_what_is_left_per_working_hour() -> None:
    assert (stands("40").required_rate, stands("60").required_rate) == (5, 0)


def test_a_target_of_zero_is_achieved_without_attainment_or_pace() -> None:
    assert stands("0", target="0", expected="0") == Standing(required_rate=Decimal(0), status=Status.ACHIEVED)


def test_a_ratio_of_nothing_has_neither_attainment_nor_pace() -> None:
    nothing = stands(None, target="0.3", expected="0.3")
    assert (nothing.attainment, nothing.pace) == (None, None)


@pytest.mark.parametrize(
    ("value", "over", "status"),
    [
        ("0", False, Status.ON_TRACK),
        ("30", False, Status.ON_TRACK),
        ("35", False, Status.BEHIND),
        ("50", False, Status.AT_RISK),
        ("60.1", False, Status.MISSED),
        ("60", True, Status.ACHIEVED),
        ("61", True, Status.MISSED),
    ],
)
def test_a_ceiling_is_missed_at_once_and_achieved_at_the_end(value: str, over: bool, status: Status) -> None:
    found = stands(value, expected="60" if over else "30", over=over, better=Better.LOWER)
    assert (found.status, found.required_rate) == (status, None)


@given(st.decimals(0, 1000, places=2), st.decimals(1, 1000, places=2), st.decimals(0, 1, places=4))
def test_pace_is_at_least_attainment(value: Decimal, target: Decimal, share: Decimal) -> None:
    found = standing(
        value, Asked(target, target * share, target), Situation(over=False, better=Better.HIGHER, working_left_us=HOUR)
    )
    assert found.attainment is not None
    assert found.pace is None or found.pace >= found.attainment


@pytest.mark.parametrize(("over", "status"), [(False, Status.ON_TRACK), (True, Status.ACHIEVED)])
def test_nothing_is_under_every_ceiling_and_attains_none_of_it(over: bool, status: Status) -> None:
    found = stands(None, expected="60", over=over, better=Better.LOWER)
    assert (found.attainment, found.pace, found.status) == (None, None, status)


def test_a_pace_that_is_a_round_number_is_judged_as_one() -> None:
    two_thirds = divide(Decimal(200), Decimal(3)) or Decimal(0)
    stood = stands("66", target="100", expected=str(two_thirds))
    assert (stood.pace, stood.status) == (Decimal("0.99"), Status.ON_TRACK)
