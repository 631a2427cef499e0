"""Episodes: one alert rule for one subject and one period, from pending over firing to resolved. Contract section 6."""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from shared.domain.alerting import Severity
from shared.domain.instants import Micros
from shared.domain.reading import Reading

SYSTEM = "pacer"
"""Who acted where no person did."""
NO_READING = Raw(b"{}")
_encode_reading = msgspec.json.Encoder(decimal_format="number").encode


class EpisodeState(StrEnum):
    """As in Prometheus: the condition holds but not long enough; it fires; it is over."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Action(StrEnum):
    """What an entry of an episode's history says was done."""

    PENDING = "pending"
    FIRING = "firing"
    NOTIFIED = "notified"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    ASSIGNED = "assigned"
    COMMENTED = "commented"
    ESCALATED = "escalated"
    AMENDED = "amended"
    RESOLVED = "resolved"


class HistoryEntry(Struct, frozen=True):
    """One thing that happened to an episode; ``by`` is a person's key, a receiver or ``pacer``."""

    at: Micros
    action: Action
    by: str = SYSTEM
    reason: str = ""


class Subject(Struct, frozen=True, kw_only=True):
    """Whom an episode is about: a rep with the team she is shown in, a team, or a source of data."""

    name: str
    rep: str | None = None
    team: str | None = None
    source: str | None = None

    @property
    def id(self) -> str:
        """The part of the dedup key that names the subject."""
        return self.rep or self.team or self.source or ""


class Episode(Struct, frozen=True, kw_only=True):
    """One rule, one subject, one period. ``version`` rises by one with every stored change and fences the next.

    ``reading`` is the JSON of the reading at the last transition. ``groups`` are the notification groups that carry
    it, chosen when it fired. ``renotify_at``: what was notified before that instant is said again.
    ``until_recovered``: resolved by hand, so it stays resolved until the condition has ceased once.
    """

    id: str
    tenant: str
    dedup_key: str
    rule: str
    kpi: str
    severity: Severity
    subject: Subject
    period_kind: str
    period_id: str
    period_end_at: Micros | None
    state: EpisodeState
    reason: str
    started_at: Micros
    changed_at: Micros
    version: int = 1
    reading: Raw = NO_READING
    runbook: str | None = None
    firing_at: Micros | None = None
    resolved_at: Micros | None = None
    acknowledged_by: str | None = None
    acknowledged_pace: float | None = None
    snoozed_until: Micros | None = None
    assigned_to: str | None = None
    renotify_at: Micros | None = None
    until_recovered: bool = False
    groups: tuple[str, ...] = ()
    history: tuple[HistoryEntry, ...] = ()

    @property
    def is_open(self) -> bool:
        """Pending or firing."""
        return self.state is not EpisodeState.RESOLVED

    @property
    def pace(self) -> float | None:
        """The pace of the stored reading."""
        return msgspec.json.decode(self.reading, type=_Pace).pace

    def noted(self, entry: HistoryEntry) -> Episode:
        """The next version with one more entry in its history."""
        return replace(self, version=self.version + 1, changed_at=entry.at, history=(*self.history, entry))


class _Pace(Struct):
    pace: float | None = None


class NotOpen(Exception):
    """A resolved episode can be commented on, nothing else."""


def reading_json(reading: Reading) -> Raw:
    """A reading as an episode keeps it: contract section 5, decimals as JSON numbers."""
    return Raw(_encode_reading(reading))


def acknowledge(episode: Episode, *, by: str, now: Micros) -> Episode:
    """No repeats until it worsens. Raises: NotOpen."""
    _require_open(episode)
    changed = replace(episode, acknowledged_by=by, acknowledged_pace=episode.pace)
    return changed.noted(HistoryEntry(now, Action.ACKNOWLEDGED, by))


def snooze(episode: Episode, until: Micros, *, by: str, now: Micros) -> Episode:
    """Nothing until then, and again if it still fires. Raises: NotOpen."""
    _require_open(episode)
    return replace(episode, snoozed_until=until, renotify_at=until).noted(HistoryEntry(now, Action.SNOOZED, by))


def assign(episode: Episode, to: str, *, by: str, now: Micros) -> Episode:
    """Somebody has it. Raises: NotOpen."""
    _require_open(episode)
    return replace(episode, assigned_to=to).noted(HistoryEntry(now, Action.ASSIGNED, by, f"to {to}"))


def comment(episode: Episode, text: str, *, by: str, now: Micros) -> Episode:
    """Keeps what somebody said."""
    return episode.noted(HistoryEntry(now, Action.COMMENTED, by, text))


def resolve_by_hand(episode: Episode, reason: str, *, by: str, now: Micros) -> Episode:
    """Stays resolved until the condition has ceased and holds again. Raises: NotOpen."""
    _require_open(episode)
    resolved = replace(
        episode, state=EpisodeState.RESOLVED, reason=reason, resolved_at=now, until_recovered=True, renotify_at=None
    )
    return resolved.noted(HistoryEntry(now, Action.RESOLVED, by, reason))


def _require_open(episode: Episode) -> None:
    if not episode.is_open:
        raise NotOpen(episode.id)
