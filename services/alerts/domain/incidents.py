"""Data incidents: a source that is silent for too long. While one is out, numbers may be short for want of data."""

from __future__ import annotations

from msgspec.structs import replace

from services.alerts.domain.judgement import duration
from services.alerts.domain.lifecycle import Decision, Reason, episode_id
from shared.domain.alerting import Severity
from shared.domain.episodes import Action, Episode, EpisodeState, HistoryEntry, Subject
from shared.domain.instants import Micros
from shared.domain.tenant import SourceRhythm

RULE = "source-out"


def dedup_key(source: SourceRhythm) -> str:
    """An incident belongs to no period."""
    return f"{RULE}/{source.id}"


def next_incident(prior: Episode | None, source: SourceRhythm, *, tenant: str, out: bool, now: Micros) -> Decision:
    """Fires as soon as a source is out, resolves as soon as it speaks again."""
    firing = prior is not None and prior.is_open
    if out:
        return Decision(Reason.STILL_FIRING) if firing else Decision(Reason.FIRED, _begin(source, tenant, now))
    if prior is None or not firing:
        return Decision(Reason.QUIET)
    text = "events arrive again"
    resolved = replace(prior, state=EpisodeState.RESOLVED, resolved_at=now, reason=text, until_recovered=False)
    return Decision(Reason.RECOVERED, resolved.noted(HistoryEntry(now, Action.RESOLVED, reason=text)))


def _begin(source: SourceRhythm, tenant: str, now: Micros) -> Episode:
    key = dedup_key(source)
    text = f"nothing from {source.id} for more than {duration(source.expect_every_us or 0)} of working time"
    return Episode(
        id=episode_id(tenant, key, now),
        tenant=tenant,
        dedup_key=key,
        rule=RULE,
        kpi="",
        severity=Severity.CRITICAL,
        subject=Subject(name=source.id, source=source.id),
        period_kind="",
        period_id="",
        period_end_at=None,
        state=EpisodeState.FIRING,
        reason=text,
        started_at=now,
        changed_at=now,
        firing_at=now,
        history=(HistoryEntry(now, Action.FIRING, reason=text),),
    )
