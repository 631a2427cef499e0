"""Periods and local days, contract section 4.6."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.instants import from_datetime, to_datetime
from shared.domain.periods import PeriodKind, PeriodRules, day_start, local_day, zone_info

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia")
HOUR = 3_600_000_000
days = st.dates(date(1990, 1, 1), date(2060, 12, 31))
zones = st.sampled_from(ZONES)
rules = st.builds(PeriodRules, week_start=st.integers(0, 6), fiscal_month=st.integers(1, 12))


@given(st.integers(0, 2**51), zones)
def test_the_local_day_is_what_the_zone_says(instant: int, zone: str) -> None:
    assert local_day(instant, zone) == to_datetime(instant).astimezone(zone_info(zone)).date()


@given(days, zones)
def test_a_day_starts_at_its_first_instant(day: date, zone: str) -> None:
    start = day_start(day, zone)
    assert (local_day(start - 1, zone) < day) and (local_day(start, zone) >= day)


@given(rules, st.sampled_from(PeriodKind), days)
def test_a_period_contains_its_day_and_is_found_by_its_id(rule: PeriodRules, kind: PeriodKind, day: date) -> None:
    period = rule.containing(kind, day)
    assert day in period
    assert rule.of_id(period.id) == period


@given(rules, st.sampled_from(PeriodKind), days)
def test_the_next_period_begins_where_this_one_ends(rule: PeriodRules, kind: PeriodKind, day: date) -> None:
    period = rule.containing(kind, day)
    following = rule.containing(kind, period.last + timedelta(days=1))
    assert following.first == period.last + timedelta(days=1)
    assert period.bounds("Europe/Berlin")[1] == following.bounds("Europe/Berlin")[0]


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 11, 23), 24)]
)
def test_a_day_is_as_long_as_the_clocks_make_it(day: date, hours: int) -> None:
    start, end = PeriodRules().containing(PeriodKind.DAY, day).bounds("Europe/Berlin")
    assert end - start == hours * HOUR


def test_a_day_without_midnight_starts_when_the_clocks_go_on() -> None:
    start = day_start(date(2022, 9, 11), "America/Santiago")
    assert start == from_datetime(datetime(2022, 9, 11, 4, tzinfo=UTC))


@pytest.mark.parametrize(
    ("kind", "fiscal_month", "day", "expected"),
    [
        (PeriodKind.DAY, 1, date(2026, 11, 23), "2026-11-23"),
        (PeriodKind.WEEK, 1, date(2026, 11, 29), "w2026-11-23"),
        (PeriodKind.MONTH, 1, date(2026, 11, 23), "2026-11"),
        (PeriodKind.QUARTER, 1, date(2026, 11, 23), "2026-q4"),
        (PeriodKind.QUARTER, 4, date(2027, 2, 1), "2026-q4"),
        (PeriodKind.YEAR, 4, date(2027, 3, 31), "2026"),
        (PeriodKind.YEAR, 4, date(2027, 4, 1), "2027"),
    ],
)
def test_ids_are_those_of_the_contract(kind: PeriodKind, fiscal_month: int, day: date, expected: str) -> None:
    assert PeriodRules(fiscal_month=fiscal_month).containing(kind, day).id == expected


@pytest.mark.parametrize("text", ["", "2026-13", "w2026-11-24", "2026-q5", "26", "2026-11-31", "now"])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        PeriodRules().of_id(text)


def test_a_clock_set_back_past_midnight_does_not_bring_yesterday_back() -> None:
    # at 00:01 on 28 October 1990 the clocks of St. John's went back to 23:01
    start = day_start(date(1990, 10, 28), "America/St_Johns")
    assert start == from_datetime(datetime(1990, 10, 28, 2, 30, tzinfo=UTC))
    assert local_day(start + HOUR // 2, "America/St_Johns") == date(1990, 10, 28)
    assert local_day(start - 1, "America/St_Johns") == date(1990, 10, 27)
