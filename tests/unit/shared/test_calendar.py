"""Working time, contract sections 4.9 and 6."""

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.calendar import length, overlap, worked_in
from shared.domain.instants import Micros, from_datetime
from shared.domain.people import DateSpan, WorkingWeek
from tests.support.tenants import ROUND_THE_CLOCK, calendar, rep

HOUR = 3_600_000_000
MONDAY = date(2026, 11, 23)


def berlin(day: int, hour: int, minute: int = 0) -> Micros:
    return from_datetime(datetime(2026, 11, day, hour - 1, minute, tzinfo=UTC))


def test_a_working_day_is_as_long_as_its_hours() -> None:
    assert length(calendar().present_spans(rep(), MONDAY)) == 8 * HOUR


def test_a_weekend_has_no_working_time() -> None:
    assert calendar().present_spans(rep(), date(2026, 11, 28)) == ()


def test_a_closed_day_has_none_for_anybody() -> None:
    closed = calendar(closed=frozenset({MONDAY}))
    assert closed.whole_spans(MONDAY, "Europe/Berlin") == closed.present_spans(rep(), MONDAY) == ()


def test_an_absent_rep_is_not_present_though_the_day_is_whole() -> None:
    away = rep(absences=(DateSpan(MONDAY, MONDAY),))
    assert calendar().present_spans(away, MONDAY) == ()
    assert length(calendar().whole_spans(MONDAY, away.zone)) == 8 * HOUR


def test_a_part_timer_has_her_own_hours() -> None:
    mornings = rep(week=WorkingWeek((((9 * 60, 13 * 60),), *((),) * 6)))
    assert length(calendar().present_spans(mornings, MONDAY)) == 4 * HOUR


def test_a_round_the_clock_day_is_as_long_as_the_clocks_make_it() -> None:
    round_the_clock = calendar(ROUND_THE_CLOCK)
    assert length(round_the_clock.present_spans(rep(), date(2026, 3, 29))) == 23 * HOUR
    assert length(round_the_clock.present_spans(rep(), date(2026, 10, 25))) == 25 * HOUR


def test_only_what_has_passed_counts_until_now() -> None:
    assert worked_in(calendar().present_spans(rep(), MONDAY)).until(berlin(23, 11, 30)) == 2.5 * HOUR


@given(st.lists(st.integers(0, 100), unique=True, max_size=12), st.integers(-5, 105))
def test_what_has_passed_is_the_sum_of_what_has_passed_of_each_span(edges: list[int], now: int) -> None:
    ordered = sorted(edges)
    spans = tuple(zip(ordered[::2], ordered[1::2], strict=False))
    assert worked_in(spans).until(now) == sum(overlap(span, -5, now) for span in spans)


def test_working_time_skips_nights_and_weekends() -> None:
    assert calendar().working_time_between(rep(), berlin(20, 16), berlin(23, 10)) == 2 * HOUR


def test_a_working_moment_lies_so_much_working_time_ahead() -> None:
    assert calendar().working_moment(rep(), berlin(20, 16), 2 * HOUR) == berlin(23, 10)


def test_without_working_hours_no_working_moment_comes() -> None:
    assert calendar(WorkingWeek(((),) * 7)).working_moment(rep(), berlin(20, 16), 1) is None


@given(st.integers(0, 14 * 24 * HOUR), st.integers(0, 40 * HOUR))
def test_a_working_moment_is_the_inverse_of_working_time(offset: int, working: int) -> None:
    start = berlin(2, 1) + offset
    moment = calendar().working_moment(rep(), start, working)
    assert moment is not None
    assert calendar().working_time_between(rep(), start, moment) == working
