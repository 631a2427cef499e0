from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from services.alerts.domain.judgement import judge
from services.alerts.domain.lifecycle import Decision, Reason, ended, next_state
from shared.domain.alerting import Recovery, Rule, Severity, Test
from shared.domain.episodes import Action, Episode, EpisodeState, acknowledge, resolve_by_hand
from shared.domain.instants import Micros, parse
from tests.support.alerts_fakes import CALENDAR, HOUR_US, MINUTE_US, T0, episode, reading, rule, watch

PATIENT = rule(hold_us=10 * MINUTE_US)


def step(prior: Episode | None, of: Rule | None = None, now: Micros = T0, **measured: Any) -> Decision:
    chosen = rule() if of is None else of
    judged = judge(chosen, reading(**measured))
    return next_state(prior, judged, watch(chosen), tenant="acme", calendar=CALENDAR, now=now)


def begun(of: Rule = PATIENT, now: Micros = T0) -> Episode:
    found = step(None, of, now).episode
    assert found is not None
    return found


def test_a_subject_on_pace_has_no_episode() -> None:
    assert step(None, pace="1") == Decision(Reason.QUIET)


def test_without_a_hold_it_fires_at_once() -> None:
    decision = step(None)
    assert (decision.reason, decision.episode and decision.episode.state) == (Reason.FIRED, EpisodeState.FIRING)


def test_with_a_hold_it_is_pending_first() -> None:
    decision = step(None, PATIENT)
    assert (decision.reason, decision.episode and decision.episode.state) == (
        Reason.BECAME_PENDING,
        EpisodeState.PENDING,
    )


def test_an_episode_names_rule_subject_and_period() -> None:
    assert begun().dedup_key == "calls-behind/ana/day/2026-11-23"


def test_a_new_episode_is_version_one() -> None:
    assert (begun().version, begun(rule()).version) == (1, 1)


def test_pending_waits_for_the_hold() -> None:
    assert step(begun(), PATIENT, T0 + 10 * MINUTE_US - 1).reason is Reason.HOLD_RUNNING


def test_pending_fires_when_it_has_held() -> None:
    decision = step(begun(), PATIENT, T0 + 10 * MINUTE_US)
    assert decision.episode is not None
    assert (decision.reason, decision.episode.firing_at) == (Reason.FIRED, T0 + 10 * MINUTE_US)


def test_what_fired_says_for_how_long_it_held() -> None:
    fired = step(begun(), PATIENT, T0 + 10 * MINUTE_US).episode
    assert fired is not None
    assert fired.reason == "pace 0.6 is below 0.8 for 10m"


def test_the_hold_runs_in_working_time_only() -> None:
    closing = parse("2026-11-23T15:55:00Z")  # 16:55 in Berlin, five minutes before the day's work ends
    assert step(begun(now=closing), PATIENT, closing + 3 * HOUR_US).reason is Reason.HOLD_RUNNING


def test_pending_that_ceases_never_fired_and_is_forgotten() -> None:
    decision = step(begun(), PATIENT, T0 + 1, pace="1")
    assert (decision.reason, decision.forget) == (Reason.LAPSED, True)


def test_pending_lapses_between_the_thresholds() -> None:
    sticky = replace(PATIENT, recovery=Recovery.PACE_AT_LEAST, recovery_threshold=Decimal("0.9"))
    assert step(begun(sticky), sticky, T0 + 1, pace="0.85").reason is Reason.LAPSED


def test_firing_goes_on_while_the_condition_holds() -> None:
    assert step(episode()) == Decision(Reason.STILL_FIRING)


def test_firing_goes_on_until_the_recovery_threshold() -> None:
    sticky = rule(recovery=Recovery.PACE_AT_LEAST, recovery_threshold=Decimal("0.9"))
    assert step(episode(), sticky, pace="0.85") == Decision(Reason.NOT_YET_RECOVERED)


def test_recovery_resolves() -> None:
    decision = step(episode(), now=T0 + 5, pace="0.95")
    assert decision.episode is not None
    assert (decision.reason, decision.episode.state, decision.episode.resolved_at, decision.forget) == (
        Reason.RECOVERED,
        EpisodeState.RESOLVED,
        T0 + 5,
        False,
    )


def test_a_transition_raises_the_version() -> None:
    resolved = step(episode(version=4), pace="0.95").episode
    assert resolved is not None
    assert resolved.version == 5


def test_a_number_that_vanishes_ends_the_episode() -> None:
    assert step(episode(), pace=None).reason is Reason.NO_LONGER_JUDGED


def test_untrusted_data_begin_nothing() -> None:
    assert step(None, measurable=False) == Decision(Reason.FROZEN)


def test_untrusted_data_do_not_resolve() -> None:
    assert step(episode(), pace="1", measurable=False) == Decision(Reason.FROZEN)


def test_untrusted_data_do_not_let_a_hold_fire() -> None:
    assert step(begun(), PATIENT, T0 + HOUR_US, measurable=False) == Decision(Reason.FROZEN)


def test_firing_again_in_the_period_is_a_new_episode_of_the_same_key() -> None:
    resolved = step(episode(), pace="0.95").episode
    again = step(resolved, now=T0 + HOUR_US).episode
    assert resolved is not None
    assert again is not None
    assert (again.dedup_key, again.id != resolved.id) == (resolved.dedup_key, True)


PARTY = rule(id="hit", test=Test.ATTAINMENT_AT_LEAST, threshold=Decimal(1))


def test_a_celebration_fires_when_the_target_is_reached() -> None:
    assert step(None, PARTY, attainment="1").reason is Reason.FIRED


def test_a_celebration_that_a_correction_undoes_is_withdrawn() -> None:
    assert step(begun_party(), PARTY, attainment="0.98").reason is Reason.WITHDRAWN


def test_a_celebration_fires_once_a_period() -> None:
    withdrawn = step(begun_party(), PARTY, attainment="0.98").episode
    assert step(withdrawn, PARTY, attainment="1").reason is Reason.CELEBRATED_BEFORE


def begun_party() -> Episode:
    found = step(None, PARTY, attainment="1").episode
    assert found is not None
    return found


def test_the_end_of_the_period_resolves() -> None:
    decision = ended(episode(), parse("2026-11-23T23:00:00Z"))
    assert (decision.reason, decision.episode and decision.episode.state) == (
        Reason.PERIOD_ENDED,
        EpisodeState.RESOLVED,
    )


def test_a_rule_that_is_gone_resolves_its_episodes() -> None:
    assert ended(episode(), T0).reason is Reason.NO_LONGER_WATCHED


def test_a_pending_episode_is_forgotten_with_its_period() -> None:
    assert ended(begun(), parse("2026-11-23T23:00:00Z")).forget


def test_an_acknowledged_episode_that_falls_further_wakes_up() -> None:
    known = acknowledge(replace(episode(), reading=judge(rule(), reading(pace="0.6")).reading), by="bea", now=T0)
    decision = step(known, now=T0 + 9, pace="0.5")
    assert decision.episode is not None
    assert (decision.reason, decision.episode.acknowledged_by, decision.episode.renotify_at) == (
        Reason.WORSENED,
        None,
        T0 + 9,
    )


def test_an_acknowledged_episode_that_falls_a_little_stays_quiet() -> None:
    known = acknowledge(replace(episode(), reading=judge(rule(), reading(pace="0.6")).reading), by="bea", now=T0)
    assert step(known, pace="0.51") == Decision(Reason.STILL_FIRING)


def test_a_higher_severity_is_said_again() -> None:
    decision = step(episode(), rule(severity=Severity.CRITICAL), now=T0 + 3)
    assert decision.episode is not None
    assert (decision.reason, decision.episode.severity, decision.episode.renotify_at) == (
        Reason.SEVERITY_CHANGED,
        Severity.CRITICAL,
        T0 + 3,
    )


def test_resolved_by_hand_stays_resolved_while_it_holds() -> None:
    closed = resolve_by_hand(episode(), "on leave", by="bea", now=T0)
    assert step(closed) == Decision(Reason.RESOLVED_BY_HAND)


def test_resolved_by_hand_may_fire_again_after_it_recovered() -> None:
    armed = step(resolve_by_hand(episode(), "on leave", by="bea", now=T0), pace="1").episode
    assert step(armed, now=T0 + HOUR_US).reason is Reason.FIRED


def test_the_history_tells_each_step() -> None:
    fired = step(begun(), PATIENT, T0 + 10 * MINUTE_US).episode
    resolved = step(fired, PATIENT, T0 + HOUR_US, pace="1").episode
    assert resolved is not None
    assert [entry.action for entry in resolved.history] == [Action.PENDING, Action.FIRING, Action.RESOLVED]
