"""A delivery and what becomes of its elements: the words that providers, intake and adapters share."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from services.ingest.domain.json_values import Json
from shared.domain.changes import RecordChange
from shared.domain.instants import Micros
from shared.domain.sources import Source


class Delivery(Struct, frozen=True, kw_only=True):
    """One request as it came in.

    ``headers`` has lower-case names and raw bytes; ``query`` is undecoded, without its question mark, as the sender
    may have signed it; ``path_token`` is the path's rest behind the source, or empty.
    """

    method: str
    headers: Mapping[bytes, bytes]
    body: bytes
    query: str = ""
    path_token: str = ""

    def header(self, name: bytes) -> bytes | None:
        """A header's raw value; ``name`` in lower case."""
        return self.headers.get(name)


class Context(Struct, frozen=True):
    """Whose delivery it is, its id, and what time it is.

    ``first_received_at``: when an element that is tried again reached us; what it means must not depend on when it is.
    """

    source: Source
    delivery: str
    now: Micros
    first_received_at: Micros | None = None

    @property
    def received_at(self) -> Micros:
        """When it reached us."""
        return self.now if self.first_received_at is None else self.first_received_at


class Element(Struct, frozen=True):
    """One element of a delivery: its bytes exactly as sent, and what they say.

    ``raw`` is what quarantine keeps: a provider whose bodies carry credentials leaves them out of it.
    """

    index: int
    raw: bytes
    value: Json


class RejectReason(StrEnum):
    """Why an element cannot be used. It is kept in quarantine under this name."""

    NOT_AN_OBJECT = "not_an_object"
    NESTED_TOO_DEEPLY = "nested_too_deeply"
    INVALID_TEXT = "invalid_text"
    MISSING_ID = "missing_id"
    INVALID_ID = "invalid_id"
    MISSING_TYPE = "missing_type"
    INVALID_TYPE = "invalid_type"
    UNKNOWN_TYPE = "unknown_type"
    MISSING_TIME = "missing_time"
    INVALID_TIME = "invalid_time"
    FUTURE_TIME = "future_time"
    INVALID_RECORD = "invalid_record"
    INVALID_REP = "invalid_rep"
    INVALID_FIELDS = "invalid_fields"
    INVALID_URL = "invalid_url"
    INVALID_PROPERTY = "invalid_property"
    INVALID_AMOUNT = "invalid_amount"
    INVALID_DURATION = "invalid_duration"
    NEEDS_RESYNC = "needs_resync"
    UNDECODED_FIELDS = "undecoded_fields"


class Accepted(Struct, frozen=True):
    """An element that means these changes; usually one."""

    changes: tuple[RecordChange, ...]


class Rejected(Struct, frozen=True):
    """An element that cannot be used. ``detail`` helps a person to mend the sender."""

    element: Element
    reason: RejectReason
    detail: str = ""


class Ignored(Struct, frozen=True):
    """An element that we know and that says nothing which a number depends on."""

    what: str


Outcome: TypeAlias = Accepted | Rejected | Ignored


class Problem(Struct, frozen=True):
    """A rejected element as the sender is told of it."""

    index: int
    reason: str


class Receipt(Struct, frozen=True, kw_only=True):
    """What became of a delivery, in numbers of elements. The log has all of it."""

    accepted: int
    quarantined: int
    ignored: int
    delivery: str
    problems: tuple[Problem, ...] = ()


class Answer(Struct, frozen=True):
    """A success as the sender wants to see it."""

    status: int
    media_type: bytes
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
