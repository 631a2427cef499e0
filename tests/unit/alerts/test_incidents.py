from services.alerts.domain.incidents import next_incident
from services.alerts.domain.lifecycle import Decision, Reason
from shared.domain.episodes import Episode, EpisodeState
from shared.domain.tenant import SourceRhythm
from tests.support.alerts_fakes import HOUR_US, T0

HUBSPOT = SourceRhythm("hubspot", "hubspot", expect_every_us=HOUR_US)


def incident() -> Episode:
    found = next_incident(None, HUBSPOT, tenant="acme", out=True, now=T0).episode
    assert found is not None
    return found


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
