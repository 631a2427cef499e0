from datetime import date

import pytest

from services.api.domain.asking import at_of, on_grid, period_asked, period_kind
from services.api.domain.refusals import InvalidAt, InvalidPeriod
from shared.domain.instants import parse
from shared.domain.periods import PeriodKind, PeriodRules


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


@pytest.mark.parametrize("text", ["", "decade", "rolling:60m", "DAY"])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(InvalidPeriod):
        period_kind(text)


def test_an_instant_picks_the_local_day() -> None:
    at = parse("2026-11-23T23:30:00Z")
    period = period_asked(PeriodRules(), PeriodKind.DAY, at, now=0, zone="Europe/Madrid")
    assert period.id == "2026-11-24"


def test_nothing_asked_is_now() -> None:
    now = parse("2026-11-23T09:00:00Z")
    assert period_asked(PeriodRules(), PeriodKind.MONTH, None, now=now, zone="Europe/Madrid").id == "2026-11"
