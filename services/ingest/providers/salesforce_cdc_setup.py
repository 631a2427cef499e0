"""How a relay of Salesforce's change events is set up."""

from __future__ import annotations

from services.ingest.domain.setup import BEARER, Guide, Setup, empty_batch
from shared.domain.sources import Source


def guide(source: Source) -> Guide:
    """For people."""
    flow = source.options.get("flow") is True
    place = "the Named Credential of the flow's HTTP callout" if flow else "your relay (CometD, Pub/Sub, EventBridge)"
    return Guide(
        title="Salesforce, change events",
        place=place,
        paste=(BEARER, ("HTTP header Content-Type", "application/json")),
        subscribe=(
            "Setup, Change Data Capture: Opportunity, Task, Event, Lead, Quote",
            "the relay reads their channels, such as /data/OpportunityChangeEvent",
        ),
        mind=(
            "enrich the channel of tasks with TaskSubtype: without it a completed task may be a call, and waits",
            "decode Pub/Sub's bitmaps (changedFields, nulledFields) before you post: undecoded they wait in quarantine",
            "keep the position of the stream until a 2xx: the bus keeps events for three days",
            "a flow's callout is not repeated: use change events or outbound messages where pay depends on it",
        ),
    )


SETUP = Setup(guide=guide, sample=empty_batch)
