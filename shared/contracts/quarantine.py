"""crm.quarantine and crm.retries beyond the entry itself (messages.Quarantined): resolutions, and who asks for what.

Both are JSON, for people with kcat. A resolution lies in its entry's partition, behind it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import msgspec
from msgspec import Struct

from shared.contracts.messages import Quarantined
from shared.domain.instants import Micros, text
from shared.domain.quarantine import Entry, Head, Place, Retried

ENTRIES_A_MESSAGE = 200
"""Of one partition, so that they are read in one go."""
LARGE_BYTES = 65_536
"""Below it an entry is text wherever it can be, for people with kcat."""


class Asked(Struct, frozen=True):
    """An entry that is to be tried again, and where it lies."""

    id: str
    offset: int


class RetryAsked(Struct, frozen=True, kw_only=True):
    """One message of crm.retries: entries of one partition of crm.quarantine, by offset."""

    retry: str
    at: Micros
    by: str
    partition: int
    entries: list[Asked]


class _Peeked(Struct):
    resolves: str | None = None


encode_retried = msgspec.json.Encoder().encode
encode_asked = msgspec.json.Encoder().encode
decode_asked = msgspec.json.Decoder(RetryAsked).decode
_peek = msgspec.json.Decoder(_Peeked).decode
_decode_head = msgspec.json.Decoder(Head).decode
_decode_retried = msgspec.json.Decoder(Retried).decode


def decode_quarantine(value: bytes | None) -> Head | Retried | None:
    """A message of crm.quarantine without its body; None for what nobody can read."""
    try:
        return _decode_head(value or b"") if _peek(value or b"").resolves is None else _decode_retried(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def requests(entries: Iterable[Entry], *, retry: str, by: str, at: Micros) -> Iterator[RetryAsked]:
    """What to write to crm.retries for these entries to be tried again."""
    ordered = sorted(entries, key=lambda entry: entry.place)
    for partition, some in groupby(ordered, key=lambda entry: entry.place.partition):
        asked = [Asked(entry.head.id, entry.place.offset) for entry in some]
        for first in range(0, len(asked), ENTRIES_A_MESSAGE):
            part = asked[first : first + ENTRIES_A_MESSAGE]
            yield RetryAsked(retry=retry, at=at, by=by, partition=partition, entries=part)


def places(asked: RetryAsked) -> list[Place]:
    """Where the entries lie."""
    return [Place(asked.partition, entry.offset) for entry in asked.entries]


def as_text(raw: bytes) -> tuple[str, str]:
    """An entry's ``body`` and ``encoding``: text, or base64 for what is none, or is large and grows more as JSON."""
    try:
        decoded = raw.decode()
    except UnicodeDecodeError:
        return base64.b64encode(raw).decode(), "base64"
    if len(raw) <= LARGE_BYTES or 3 * len(msgspec.json.encode(decoded)) <= 4 * len(raw):
        return decoded, "utf-8"
    return base64.b64encode(raw).decode(), "base64"


def raw_of(entry: Quarantined) -> bytes:
    """The bytes that an entry keeps. Raises: ValueError."""
    if entry.encoding != "base64":
        return entry.body.encode()
    try:
        return base64.b64decode(entry.body, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def entry_view(entry: Entry) -> dict[str, Any]:
    """An entry as people see it in the API and in ``pacer quarantine``, without its body; built-in types only."""
    head = entry.head
    found_at = {"topic": head.topic, "partition": head.partition, "offset": head.offset}
    return {
        "id": head.id,
        "tenant": head.tenant,
        "source": head.source,
        "state": entry.last.outcome.value if entry.last is not None and not entry.waits else "waiting",
        "reason": entry.reason,
        "detail": entry.detail,
        "received_at": text(head.received_at),
        "first_received_at": text(entry.first_received_at),
        "times": entry.times,
        "index": head.index,
        "delivery": head.delivery,
        "log": None if head.topic is None else found_at,
        "retries": entry.retries,
        "last_retry": None if entry.last is None else _retry_view(entry.last),
    }


def whole_view(entry: Entry, kept: Quarantined | None) -> dict[str, Any]:
    """The same with what was kept of it: all null where the topic no longer holds it."""
    body: dict[str, Any] = {"body": None, "encoding": None, "headers": None}
    if kept is not None:
        body = {"body": kept.body, "encoding": kept.encoding, "headers": kept.headers}
    return entry_view(entry) | body


def _retry_view(retried: Retried) -> dict[str, Any]:
    return {
        "at": text(retried.at),
        "by": retried.by,
        "outcome": retried.outcome.value,
        "reason": retried.reason,
        "retry": retried.retry,
    }
