from shared.domain.instants import parse
from shared.domain.silence import is_out
from shared.domain.tenant import SourceRhythm
from tests.support.alerts_fakes import CALENDAR, HOUR_US, T0

HUBSPOT = SourceRhythm("hubspot", "hubspot", expect_every_us=HOUR_US)


def test_a_source_is_out_after_a_longer_silence_than_expected() -> None:
    assert is_out(HUBSPOT, T0 - HOUR_US - 1, CALENDAR, T0)


def test_a_silence_as_long_as_expected_is_no_outage() -> None:
    assert not is_out(HUBSPOT, T0 - HOUR_US, CALENDAR, T0)


def test_a_silent_night_is_no_outage() -> None:
    assert not is_out(HUBSPOT, parse("2026-11-20T15:50:00Z"), CALENDAR, parse("2026-11-23T08:40:00Z"))


def test_a_source_that_never_spoke_is_awaited() -> None:
    assert not is_out(HUBSPOT, None, CALENDAR, T0)


def test_a_source_without_a_rhythm_is_never_out() -> None:
    assert not is_out(SourceRhythm("native", "native"), 0, CALENDAR, T0)
