"""How whatever speaks our own format is set up."""

from __future__ import annotations

from services.ingest.domain.setup import BEARER, Guide, Setup, empty_batch
from shared.domain.sources import Source


def guide(_: Source) -> Guide:
    """For people."""
    return Guide(
        title="Native",
        place="in your own program, or a tool that posts JSON",
        paste=(BEARER, ("HTTP header Content-Type", "application/json")),
        subscribe=(
            "one object an event, or an array: id, type, occurred_at; rep, record, fields, url as far as known",
        ),
        mind=("the same id and occurred_at again is the same event: choose ids that a repetition keeps",),
    )


SETUP = Setup(guide=guide, sample=empty_batch)
