from datetime import date

import pytest

from services.api.domain.asking import At, at_of, on_grid, period_asked, period_kind, rolling_asked
from services.api.domain.refusals import InvalidAt, InvalidPeriod
from shared.domain.instants import SECOND_US, parse
from shared.domain.periods import PeriodKind, PeriodRules
from shared.domain.rolling import Rolling


def test_the_clock_moves_in_steps_of_fifteen_seconds() -> None:
    assert on_grid(parse("2026-11-23T09:30:44.9Z")) == parse("2026-11-23T09:30:30Z")


def test_a_date_is_a_date() -> None:
    assert at_of("2026-11-23") == date(2026, 11, 23)


def test_an_instant_is_an_instant() -> None:
    assert at_of("2026-11-23T09:30:00+01:00") == parse("2026-11-23T08:30:00Z")


@pytest.mark.parametrize(
    "text", ["", "today", "2026-13-01", "2026-11-23T09:30:00", "0001-01-01", "9999-12-31", "2026-W48-1"]
)
def test_what_is_no_time_of_ours_is_refused(text: str) -> None:
    with pytest.raises(InvalidAt):
        at_of(text)


@pytest.mark.parametrize(
    "text",
    ["", "decade", "rolling:", "rolling:0s", "rolling:-1m", "rolling:1.5h", "rolling:367d", "rolling:٦٠m", "DAY"],
)
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(InvalidPeriod):
        period_kind(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("rolling:90s", 90),
        ("rolling:60m", 3600),
        ("rolling:2h", 7200),
        ("rolling:7d", 604_800),
        ("rolling:366d", 31_622_400),
    ],
)
def test_a_rolling_period_is_so_long(text: str, seconds: int) -> None:
    assert period_kind(text) == Rolling(text, seconds * SECOND_US)


@pytest.mark.parametrize(
    ("at", "end"),
    [
        (None, "2026-11-23T09:30:45Z"),
        (parse("2026-11-23T08:00:01Z"), "2026-11-23T08:00:01Z"),
        (date(2026, 11, 22), "2026-11-22T23:00:00Z"),
    ],
)
def test_a_rolling_period_goes_up_to_what_was_asked_for(at: At, end: str) -> None:
    now = parse("2026-11-23T09:30:30Z")
    period = rolling_asked(Rolling("rolling:60m", 3600 * SECOND_US), at, now=now, zone="Europe/Madrid")
    assert period.bounds("Europe/Madrid") == (parse(end) - 3600 * SECOND_US, parse(end))


def test_an_instant_picks_the_local_day() -> None:
    at = parse("2026-11-23T23:30:00Z")
    period = period_asked(PeriodRules(), PeriodKind.DAY, at, now=0, zone="Europe/Madrid")
    assert period.id == "2026-11-24"


def test_nothing_asked_is_now() -> None:
    now = parse("2026-11-23T09:00:00Z")
    assert period_asked(PeriodRules(), PeriodKind.MONTH, None, now=now, zone="Europe/Madrid").id == "2026-11"
