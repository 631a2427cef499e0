"""The life cycle of an episode, as in Alertmanager: pending, firing, resolved. Pure: prior and verdict in, next out."""

from __future__ import annotations

from enum import StrEnum
from hashlib import blake2b

from msgspec import Struct
from msgspec.structs import replace

from services.alerts.domain.judgement import Judgement, Verdict, duration
from services.alerts.domain.watches import Watch
from shared.domain.alerting import Test
from shared.domain.calendar import Calendar
from shared.domain.episodes import Action, Episode, EpisodeState, HistoryEntry
from shared.domain.instants import Micros

WORSE_PACE = 0.1
"""An acknowledged episode speaks again when its pace has fallen by this much (contract section 6)."""


class Reason(StrEnum):
    """Why an episode did or did not change: log field, metric label and test assertion in one."""

    QUIET = "condition_does_not_hold"
    FROZEN = "data_not_trusted"
    NOT_CURRENT = "numbers_not_current"
    BECAME_PENDING = "condition_began"
    HOLD_RUNNING = "hold_running"
    FIRED = "held_long_enough"
    LAPSED = "ceased_before_it_fired"
    STILL_FIRING = "still_firing"
    NOT_YET_RECOVERED = "not_yet_recovered"
    WORSENED = "worsened"
    SEVERITY_CHANGED = "severity_changed"
    RECOVERED = "recovered"
    NO_LONGER_JUDGED = "no_longer_judged"
    WITHDRAWN = "withdrawn"
    PERIOD_ENDED = "period_ended"
    NO_LONGER_WATCHED = "no_longer_watched"
    CELEBRATED_BEFORE = "celebrated_before"
    REACHED_IN_THE_PAST = "reached_by_imported_history"
    RESOLVED_BY_HAND = "resolved_by_hand"
    ARMED_AGAIN = "armed_again"
    CLOCK_STEPPED = "clock_stepped"


class Decision(Struct, frozen=True):
    """``episode`` None: nothing to store. ``forget``: the episode never fired and need not be kept."""

    reason: Reason
    episode: Episode | None = None
    forget: bool = False


def next_state(
    prior: Episode | None, judgement: Judgement, watch: Watch, *, tenant: str, calendar: Calendar, now: Micros
) -> Decision:
    """What becomes of a watch. ``prior`` is the newest episode of the same dedup key, whatever its state."""
    if judgement.verdict is Verdict.UNTRUSTED:
        return Decision(Reason.FROZEN)
    if prior is not None and prior.until_recovered:
        return _resolved_by_hand(prior, judgement, now)
    if prior is None or prior.state is EpisodeState.RESOLVED:
        if prior is not None and watch.rule.test is Test.ATTAINMENT_AT_LEAST:
            return Decision(Reason.CELEBRATED_BEFORE)
        return _begin(judgement, watch, tenant, now) if judgement.verdict is Verdict.HOLDS else Decision(Reason.QUIET)
    if prior.state is EpisodeState.PENDING:
        return _from_pending(prior, judgement, watch, calendar=calendar, now=now)
    return _from_firing(prior, judgement, watch, now=now)


def after_history(
    prior: Episode | None, judgement: Judgement, watch: Watch, *, tenant: str, calendar: Calendar, now: Micros
) -> Decision:
    """As ``next_state``, right after history was imported: what it reached was reached before, and is only noted."""
    decision = next_state(prior, judgement, watch, tenant=tenant, calendar=calendar, now=now)
    begun = decision.reason in {Reason.BECAME_PENDING, Reason.FIRED}
    if watch.rule.test is not Test.ATTAINMENT_AT_LEAST or decision.episode is None or not begun:
        return decision
    text = "reached by imported history"
    noted = replace(decision.episode, state=EpisodeState.RESOLVED, firing_at=None, resolved_at=now, reason=text)
    history = (HistoryEntry(now, Action.RESOLVED, reason=f"{Reason.REACHED_IN_THE_PAST}: {text}"),)
    return Decision(Reason.REACHED_IN_THE_PAST, replace(noted, history=history))


def ended(prior: Episode, now: Micros) -> Decision:
    """An open episode whose watch is gone: its period is over, or nobody asks for it any more."""
    over = prior.period_end_at is not None and now >= prior.period_end_at
    reason = Reason.PERIOD_ENDED if over else Reason.NO_LONGER_WATCHED
    return _resolve(prior, reason, "the period ended" if over else "the rule or its subject is gone", now)


def after_step(decision: Decision, watch: Watch, *, calendar: Calendar, stepped_at: Micros, now: Micros) -> Decision:
    """What is decided after the clock was set: a hold that ran across the step runs from there again."""
    held = watch.rule.hold_us
    if decision.reason is not Reason.FIRED or not held or not stepped_at:
        return decision
    whole = calendar.working_time_between(watch.rep, stepped_at, now) >= held
    return decision if whole else Decision(Reason.CLOCK_STEPPED)


def episode_id(tenant: str, dedup_key: str, started_at: Micros) -> str:
    """Deterministic, so that two processes that see the same beginning write the same episode."""
    return f"ep_{blake2b(f'{tenant}/{dedup_key}/{started_at}'.encode(), digest_size=9).hexdigest()}"


def _begin(judgement: Judgement, watch: Watch, tenant: str, now: Micros) -> Decision:
    rule = watch.rule
    episode = Episode(
        id=episode_id(tenant, watch.dedup_key, now),
        tenant=tenant,
        dedup_key=watch.dedup_key,
        rule=rule.id,
        kpi=rule.kpi,
        severity=rule.severity,
        subject=watch.subject,
        period_kind=watch.period.kind.value,
        period_id=watch.period.id,
        period_end_at=watch.end_at,
        state=EpisodeState.PENDING,
        reason=judgement.text,
        started_at=now,
        changed_at=now,
        reading=judgement.reading,
        runbook=rule.runbook,
        history=(HistoryEntry(now, Action.PENDING, reason=judgement.text),),
    )
    if rule.hold_us:
        return Decision(Reason.BECAME_PENDING, episode)
    return Decision(Reason.FIRED, replace(_fire(episode, judgement, judgement.text, now), version=1))


def _from_pending(prior: Episode, judgement: Judgement, watch: Watch, *, calendar: Calendar, now: Micros) -> Decision:
    if judgement.verdict is not Verdict.HOLDS:
        return _resolve(prior, Reason.LAPSED, judgement.text, now)
    if calendar.working_time_between(watch.rep, prior.started_at, now) < watch.rule.hold_us:
        return Decision(Reason.HOLD_RUNNING)
    return Decision(Reason.FIRED, _fire(prior, judgement, f"{judgement.text} for {duration(watch.rule.hold_us)}", now))


def _fire(prior: Episode, judgement: Judgement, text: str, now: Micros) -> Episode:
    firing = replace(prior, state=EpisodeState.FIRING, firing_at=now, reason=text, reading=judgement.reading)
    return firing.noted(HistoryEntry(now, Action.FIRING, reason=text))


def _from_firing(prior: Episode, judgement: Judgement, watch: Watch, *, now: Micros) -> Decision:
    match judgement.verdict:
        case Verdict.HOLDS:
            return _still_firing(prior, judgement, watch, now)
        case Verdict.BETWEEN:
            return Decision(Reason.NOT_YET_RECOVERED)
        case Verdict.CEASED if watch.rule.test is not Test.ATTAINMENT_AT_LEAST:
            return _resolve(replace(prior, reading=judgement.reading), Reason.RECOVERED, judgement.text, now)
        case Verdict.CEASED:  # what was reached is only lost by a correction: it was never reached
            return _resolve(replace(prior, reading=judgement.reading), Reason.WITHDRAWN, judgement.text, now)
        case _:
            return _resolve(prior, Reason.NO_LONGER_JUDGED, "nothing to judge by any more", now)


def _still_firing(prior: Episode, judgement: Judgement, watch: Watch, now: Micros) -> Decision:
    if watch.rule.severity is not prior.severity:
        louder = now if watch.rule.severity > prior.severity else prior.renotify_at
        changed = replace(prior, severity=watch.rule.severity, renotify_at=louder)
        text = f"severity is now {watch.rule.severity.name.lower()}"
        return Decision(Reason.SEVERITY_CHANGED, _amended(changed, judgement, text, now))
    if _is_worse(prior, judgement):
        woken = replace(prior, acknowledged_by=None, acknowledged_pace=None, renotify_at=now)
        return Decision(Reason.WORSENED, _amended(woken, judgement, judgement.text, now))
    return Decision(Reason.STILL_FIRING)


def _is_worse(prior: Episode, judgement: Judgement) -> bool:
    known = prior.acknowledged_pace
    return known is not None and judgement.pace is not None and judgement.pace <= known - WORSE_PACE


def _amended(episode: Episode, judgement: Judgement, text: str, now: Micros) -> Episode:
    changed = replace(episode, reading=judgement.reading, reason=judgement.text)
    return changed.noted(HistoryEntry(now, Action.AMENDED, reason=text))


def _resolved_by_hand(prior: Episode, judgement: Judgement, now: Micros) -> Decision:
    """It stays resolved until the condition has ceased once; then it may begin again."""
    if judgement.verdict is not Verdict.CEASED:
        return Decision(Reason.RESOLVED_BY_HAND)
    armed = replace(prior, until_recovered=False)
    return Decision(Reason.ARMED_AGAIN, armed.noted(HistoryEntry(now, Action.AMENDED, reason="may fire again")))


def _resolve(prior: Episode, reason: Reason, text: str, now: Micros) -> Decision:
    forget = prior.state is EpisodeState.PENDING
    resolved = replace(prior, state=EpisodeState.RESOLVED, resolved_at=now, reason=text, renotify_at=None)
    entry = HistoryEntry(now, Action.RESOLVED, reason=f"{reason}: {text}")
    return Decision(reason, resolved.noted(entry), forget=forget)
