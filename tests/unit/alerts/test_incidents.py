from services.alerts.domain.incidents import is_out, next_incident
from services.alerts.domain.lifecycle import Decision, Reason
from shared.domain.episodes import Episode, EpisodeState
from shared.domain.instants import parse
from shared.domain.tenant import SourceRhythm
from tests.support.alerts_fakes import CALENDAR, HOUR_US, T0

HUBSPOT = SourceRhythm("hubspot", "hubspot", expect_every_us=HOUR_US)


def incident() -> Episode:
    found = next_incident(None, HUBSPOT, tenant="acme", out=True, now=T0).episode
    assert found is not None
    return found


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


def test_a_source_that_is_out_is_an_incident_at_once() -> None:
    assert (incident().state, incident().rule, incident().subject.source) == (
        EpisodeState.FIRING,
        "source-out",
        "hubspot",
    )


def test_one_incident_an_outage() -> None:
    assert next_incident(incident(), HUBSPOT, tenant="acme", out=True, now=T0 + 1) == Decision(Reason.STILL_FIRING)


def test_an_incident_ends_when_the_source_speaks_again() -> None:
    assert next_incident(incident(), HUBSPOT, tenant="acme", out=False, now=T0 + 1).reason is Reason.RECOVERED


def test_a_source_that_speaks_has_no_incident() -> None:
    assert next_incident(None, HUBSPOT, tenant="acme", out=False, now=T0) == Decision(Reason.QUIET)
