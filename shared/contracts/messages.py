"""Messages between processes. crm.events, kpi.updates and crm.quarantine are JSON, for people with kcat;
kpi.facts and everything in Redis are msgpack arrays, for speed. New fields go to the end and have defaults.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from shared.contracts.keys import FIRST_STATE
from shared.domain.accumulators import Accumulator
from shared.domain.changes import RecordChange
from shared.domain.facts import PageEntry
from shared.domain.instants import Micros


class FactChange(Struct, array_like=True, frozen=True, gc=False):
    """An upsert or (``entry.fact`` None) a withdrawal of one fact in one page of one subject.

    ``received_at``: ingest time of the event that it is because of, or when an edit of the configuration was accepted;
    0 where it cannot be late. ``event``: the id of that event, empty for an edit. They say why a closed period changed.
    """

    tenant: str
    subject: str
    page: str
    id: str
    entry: PageEntry
    received_at: Micros = 0
    event: str = ""


class FactBatch(Struct, array_like=True, frozen=True, gc=False):
    """One message of kpi.facts: what one ledger chunk changes in one scoreboard partition.

    ``received_at`` is the earliest ingest time among its events, for pipeline_event_age_seconds. ``heartbeat``: when
    the newest heartbeat of the chunk was sent, 0 for none. ``state`` is the one whose records they were derived from:
    no other may count them.
    """

    received_at: Micros
    changes: list[FactChange]
    heartbeat: Micros = 0
    state: str = FIRST_STATE


class RepUpdated(Struct, frozen=True, kw_only=True):
    """A rep's numbers changed; readers read the values (ADR 0006). Repeats do no harm."""

    tenant: str
    rep: str
    version: int
    at: Micros
    received_at: Micros = 0


class Quarantined(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What could not be used, whole, with the reason. ``body`` is text, or base64 where it is no UTF-8."""

    id: str
    tenant: str
    source: str
    reason: str
    detail: str
    received_at: Micros
    body: str
    encoding: str = "utf-8"
    index: int | None = None
    delivery: str = ""
    headers: dict[str, str] = {}
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None


BATCH_BYTES = 1_000_000
"""More makes two messages of kpi.facts: a chunk of one rep's history may hold megabytes of facts."""

encode_change = msgspec.json.Encoder().encode
decode_change = msgspec.json.Decoder(RecordChange).decode
encode_batch = msgspec.msgpack.Encoder().encode
decode_batch = msgspec.msgpack.Decoder(FactBatch).decode
encode_update = msgspec.json.Encoder().encode
decode_update = msgspec.json.Decoder(RepUpdated).decode
encode_quarantined = msgspec.json.Encoder().encode
decode_quarantined = msgspec.json.Decoder(Quarantined).decode
encode_entry = msgspec.msgpack.Encoder().encode
decode_entry = msgspec.msgpack.Decoder(PageEntry).decode
encode_cell = msgspec.msgpack.Encoder().encode
decode_cell = msgspec.msgpack.Decoder(dict[str, Accumulator]).decode
encode_pages = msgspec.msgpack.Encoder().encode
decode_pages = msgspec.msgpack.Decoder(list[str]).decode
encode_json: Any = msgspec.json.Encoder(order="sorted").encode


def encode_batches(received_at: Micros, changes: list[FactChange], state: str) -> Iterator[bytes]:
    """The changes as one message, or as several where one would be larger than a broker takes.

    Only the last one tells ``received_at``: until it is applied, what was received then is not applied whole.
    """
    whole = encode_batch(FactBatch(received_at, changes, state=state))
    if len(whole) <= BATCH_BYTES or len(changes) == 1:
        yield whole
        return
    half = len(changes) // 2
    yield from encode_batches(0, changes[:half], state)
    yield from encode_batches(received_at, changes[half:], state)
