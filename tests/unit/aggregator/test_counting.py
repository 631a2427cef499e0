"""Filters and amounts by contract 4.5, one comparison a line."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.aggregator.domain.counting import compile_filter, compile_plan, value_text
from services.aggregator.domain.pages import cells_of_page, fold
from shared.domain.facts import Fact
from tests.support.aggregator_tenant import conditions, counting_tenant
from tests.support.changes import T0


@pytest.mark.parametrize(
    ("wanted", "value", "passes"),
    [
        ("outbound", "outbound", True),
        ("outbound", "inbound", False),
        ("outbound", None, False),
        ("20", "20.0", True),
        ("1000", "1e3", True),
        (True, True, True),
        (True, "true", False),
        ({"in": ["a", 5]}, "5.00", True),
        ({"in": ["a"]}, None, False),
        ({"not_in": ["a"]}, "b", True),
        ({"not_in": ["a"]}, "a", False),
        ({"not_in": ["a"]}, None, True),
        ({"gt": 5}, "5", False),
        ({"gte": 5}, "5.0", True),
        ({"lt": 5}, "4.9", True),
        ({"lte": 5}, "many", False),
        ({"gte": 5, "lt": 10}, "10", False),
        ({"gt": 1, "gte": 5, "lt": 10}, "9", True),
        ({"exists": True}, "", True),
        ({"exists": True}, None, False),
        ({"exists": False}, None, True),
    ],
)
def test_a_filter(wanted: Any, value: Any, passes: bool) -> None:
    holds = compile_filter(tuple(conditions({"field": wanted})))
    assert holds is not None
    assert holds({"field": value}) is passes


def test_a_missing_field_is_like_null() -> None:
    holds = compile_filter(tuple(conditions({"field": {"exists": False}})))
    assert holds is not None
    assert holds({})


def test_distinct_compares_the_text_of_values() -> None:
    assert [value_text(value) for value in ("a", True, False)] == ["a", "true", "false"]


def test_an_amount_is_converted_at_the_rate_of_its_local_day() -> None:
    tenant = counting_tenant()
    fact = Fact("deal.won", T0, "native", "deal", "d", "ana", {"amount": "10", "currency": "USD"})
    folded = fold(compile_plan(tenant), "Pacific/Kiritimati", [fact])
    assert folded.cells["d2026-11-23"]["revenue"].total == Decimal("9.2")


def test_a_utc_day_can_be_in_two_local_days_and_two_months() -> None:
    assert cells_of_page("2026-11-30", "Asia/Kolkata") == ("d2026-11-30", "m2026-11", "d2026-12-01", "m2026-12")


def test_a_local_day_that_is_the_utc_day_is_one_cell_of_each() -> None:
    assert cells_of_page("2026-11-23", "UTC") == ("d2026-11-23", "m2026-11")


def test_what_is_not_counted_has_no_cell() -> None:
    fact = Fact("demo.requested", T0, "native", "demo", "d", "ana", {})
    assert not fold(compile_plan(counting_tenant()), "UTC", [fact]).cells


def test_a_plan_knows_every_kind_that_counts() -> None:
    assert "meeting.booked" not in compile_plan(counting_tenant()).kinds


def test_rates_follow_the_day() -> None:
    currencies = counting_tenant().currencies
    assert [currencies.convert(Decimal(1), "USD", date(2026, 11, day)) for day in (23, 24)] == [
        Decimal("0.9200"),
        Decimal("0.9000"),
    ]
