"""Amounts, cells and plans by contract 4.5 and 4.8."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from services.aggregator.domain.counting import compile_plan
from services.aggregator.domain.pages import cells_of_page, fold
from shared.domain.facts import Fact
from tests.support.aggregator_tenant import counting_tenant
from tests.support.changes import T0


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
