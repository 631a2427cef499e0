"""Episodes between processes: Redis keys, the codec, and the shape that people and webhooks see.

All keys of a tenant's alerts share the hash tag ``{a/tenant}``, so that one script may touch them on Redis Cluster.
The topic alerts.episodes (key ``tenant/episode``) and Redis hold the same JSON, one Episode.
"""

from __future__ import annotations

from typing import Any

import msgspec

from shared.domain.alerting import Severity
from shared.domain.episodes import Episode, Subject
from shared.domain.instants import Micros, text

encode_episode = msgspec.json.Encoder().encode
decode_episode = msgspec.json.Decoder(Episode).decode


def alerts_tag(tenant: str) -> str:
    """Prefix of a tenant's alert keys."""
    return f"pacer:{{a/{tenant}}}:"


def episodes_key(tag: str) -> str:
    """Hash: episode id -> Episode as JSON; open ones and those resolved of late."""
    return f"{tag}episodes"


def latest_key(tag: str) -> str:
    """Hash: dedup key -> id of its newest episode."""
    return f"{tag}latest"


def open_key(tag: str) -> str:
    """Set: ids of pending and firing episodes."""
    return f"{tag}open"


def recent_key(tag: str) -> str:
    """Sorted set: episode id by the instant of its last change, microseconds."""
    return f"{tag}recent"


def unpublished_key(tag: str) -> str:
    """Stream: changes not yet in alerts.episodes, field ``e`` an Episode as JSON."""
    return f"{tag}unpublished"


def published_key(tag: str) -> str:
    """Hash: partition of alerts.episodes -> the offset after the tenant's last change that is known to be in it."""
    return f"{tag}published"


def pulse_key(tag: str) -> str:
    """Integer: rises whenever somebody judges or sends; who reads less than before knows that the state went back."""
    return f"{tag}pulse"


def groups_key(tag: str) -> str:
    """Hash: group key -> notification group as JSON, the notification that is being sent included."""
    return f"{tag}groups"


def due_key(tag: str) -> str:
    """Sorted set: group key by the instant at which somebody has to look at it, microseconds."""
    return f"{tag}due"


def members_key(tag: str, group: str) -> str:
    """Set: ids of the episodes of a notification group."""
    return f"{tag}members:{group}"


def touches_key(tag: str) -> str:
    """Hash: group key -> number of its last touch, so that a change is not overlooked while somebody decides."""
    return f"{tag}touches"


def counter_key(tag: str) -> str:
    """Integer: the number of the last touch of any group; never used twice."""
    return f"{tag}counter"


def lease_key(tag: str) -> str:
    """String with a time to live: the process that judges this tenant's rules."""
    return f"{tag}lease"


def arriving_key(tag: str) -> str:
    """String with a time to live: the import that brings history in; meanwhile nothing is judged (ADR 0014)."""
    return f"{tag}arriving"


def arrived_key(tag: str) -> str:
    """String: the import whose history the next judge of everybody must not celebrate; removed by it (ADR 0014)."""
    return f"{tag}arrived"


def episode_key(episode: Episode) -> str:
    """The topic's key."""
    return f"{episode.tenant}/{episode.id}"


def severity_name(severity: Severity) -> str:
    """``info``, ``warning`` or ``critical``."""
    return severity.name.lower()


def subject_view(subject: Subject) -> dict[str, str]:
    """``{"rep", "name", "team"}``, ``{"team", "name"}`` or ``{"source"}``."""
    if subject.source is not None:
        return {"source": subject.source}
    parts = {"rep": subject.rep, "name": subject.name, "team": subject.team}
    return {name: value for name, value in parts.items() if value is not None}


def alert_view(episode: Episode, board_url: str) -> dict[str, Any]:
    """An episode as a notification carries it (contract section 6), built-in types only.

    ``board_url`` has no slash at its end: ``http://127.0.0.1:8080``.
    """
    return {
        "id": episode.id,
        "dedup_key": episode.dedup_key,
        "rule": episode.rule,
        "state": episode.state.value,
        "severity": severity_name(episode.severity),
        "subject": subject_view(episode.subject),
        "reading": msgspec.json.decode(episode.reading),
        "reason": episode.reason,
        "started_at": text(episode.started_at),
        "url": f"{board_url}/?alert={episode.id}",
        "runbook": episode.runbook,
    }


def episode_view(episode: Episode, board_url: str) -> dict[str, Any]:
    """An episode as the API answers it: what a notification carries, who has it, and its history.

    ``period`` is null for a data incident, which belongs to none.
    """
    return alert_view(episode, board_url) | {
        "kpi": episode.kpi,
        "period": {"kind": episode.period_kind, "id": episode.period_id} if episode.period_kind else None,
        "firing_at": _optional(episode.firing_at),
        "resolved_at": _optional(episode.resolved_at),
        "changed_at": text(episode.changed_at),
        "acknowledged_by": episode.acknowledged_by,
        "snoozed_until": _optional(episode.snoozed_until),
        "assigned_to": episode.assigned_to,
        "version": episode.version,
        "history": [
            {"at": text(entry.at), "action": entry.action.value, "by": entry.by, "reason": entry.reason}
            for entry in episode.history
        ],
    }


def _optional(instant: Micros | None) -> str | None:
    return None if instant is None else text(instant)
