"""How a ledger partition stores its records, and what readers of receipts decode.

Two forms, told apart by their tag. Nine records in ten see one event in their life: ``Single`` keeps that event as it
is, in a third of the bytes. ``Record`` is the fold of any number of events. Either may be squeezed once nothing more is
expected of it: deflated with the words that records have in common, in some six tenths of the bytes.
"""

from __future__ import annotations

import zlib

import msgspec
from msgspec import UNSET, Struct

from shared.domain.changes import RecordChange, Scalar
from shared.domain.instants import Micros
from shared.domain.records import Record, RecordKey

SQUEEZED = b"\x01"
"""The first byte of a squeezed record, which no msgpack array has. Other words get another byte, these stay."""
_WORDS = (
    b"callbackvoicemailno_answercompletedconnectedinternalproposalqualifiednegotiationinboundcurrencyUSDGBPEUR"
    b"pipelineresponse_secondsstatusopenlostwonstageamountcontactownertitleurlhttps://www..com/.lightning.force.com/"
    b"lightning/r/Opportunity//viewhttps://app.pipedrive.com/deal/https://app.close.com/lead/"
    b"https://app.hubspot.com/contacts//record/0-3/0-47/0-49/0-48/outcomedirectionoutboundduration_secondsaccount"
    b"meetingheldbookedsentupdatedcreatedlogged"
)


class Single(Struct, array_like=True, frozen=True, tag=1, gc=False):
    """The one event of a record; ``owner`` False says nothing of it. Identity is in the record's key."""

    verb: str
    event: str
    occurred_at: Micros
    owner: str | bool | None
    fields: dict[str, Scalar]
    times: dict[str, Micros] = {}
    url: str | None = None

    def as_change(self, key: RecordKey) -> RecordChange:
        """The event again, less what only its transport needed."""
        return RecordChange(
            tenant=key.tenant,
            source=key.source,
            record_type=key.record_type,
            record=key.record,
            verb=self.verb,
            event=self.event,
            occurred_at=self.occurred_at,
            received_at=self.occurred_at,
            fields=self.fields,
            owner=UNSET if isinstance(self.owner, bool) else self.owner,
            times=self.times,
            url=self.url,
        )


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Single | Record).decode


def pack_single(change: RecordChange) -> bytes:
    """Stored form of a record with one event; one that tells what is missing is a fold of its own from the start."""
    if change.missing:
        return pack(Record.of(change))
    owner = change.owner
    said = False if owner is UNSET else owner
    return _encode(Single(change.verb, change.event, change.occurred_at, said, change.fields, change.times, change.url))


def pack(record: Record) -> bytes:
    """Stored form of a record with several events."""
    return _encode(record)


def squeeze(packed: bytes) -> bytes:
    """A stored record in fewer bytes, or as it is if that makes it no smaller."""
    if packed.startswith(SQUEEZED):
        return packed
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zdict=_WORDS)
    squeezed = SQUEEZED + deflate.compress(packed) + deflate.flush()
    return squeezed if len(squeezed) < len(packed) else packed


def unpack(packed: bytes, key: RecordKey) -> Record:
    """A stored record of any form as the fold.

    Raises: msgspec.DecodeError, zlib.error: a bug or a broken store.
    """
    if packed.startswith(SQUEEZED):
        inflate = zlib.decompressobj(-zlib.MAX_WBITS, zdict=_WORDS)
        packed = inflate.decompress(packed[len(SQUEEZED) :]) + inflate.flush()
    stored = _decode(packed)
    return Record.of(stored.as_change(key)) if isinstance(stored, Single) else stored
