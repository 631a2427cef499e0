"""A heartbeat: an event of nobody's that travels the whole pipeline, so that every stage can tell how far it is.

It goes the way of events, crm.events, kpi.facts, kpi.updates, and changes no number. Its tenant is the empty id, which
no configuration can have.
"""

from __future__ import annotations

from shared.contracts.messages import RepUpdated
from shared.domain.changes import RecordChange
from shared.domain.instants import Micros

NOBODY = ""
"""The tenant of heartbeats."""


def heartbeat(partition: int, at: Micros) -> RecordChange:
    """The heartbeat of a crm.events partition, sent at an instant."""
    return RecordChange(
        tenant=NOBODY,
        source="pacer",
        record_type="heartbeat",
        record=str(partition),
        verb="sent",
        event="",
        occurred_at=at,
        received_at=at,
    )


def heartbeat_update(sent_at: Micros, at: Micros) -> RepUpdated:
    """What the scoreboard makes of it for kpi.updates."""
    return RepUpdated(tenant=NOBODY, rep="", version=0, at=at, received_at=sent_at)
