"""What waits in quarantine, and what became of it: entries, retries, and an index over both.

Everything is an event in one topic: an entry each time that something cannot be used, a resolution each time that
somebody had it tried again. The index is a fold of them; bodies stay in the topic.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from heapq import nlargest

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.instants import Micros

NOBODY = "-"
"""Tenant or source of what does not say whose it is."""
SHOWN_DETAIL = 300
"""Characters of a detail that the index keeps; the entry itself has all."""


class RetryOutcome(StrEnum):
    """What became of a retry."""

    ACCEPTED = "accepted"
    """It is on the log now, for good."""
    IGNORED = "ignored"
    """It is understood now, and says nothing that a number depends on."""
    QUARANTINED = "quarantined"
    """It still cannot be used."""


class Place(Struct, frozen=True, order=True):
    """Where a message of crm.quarantine is."""

    partition: int
    offset: int


class Head(Struct, frozen=True, kw_only=True):
    """An entry without its body, as the message has it. Contract: shared.contracts.messages.Quarantined."""

    id: str
    tenant: str
    source: str
    reason: str
    detail: str = ""
    received_at: Micros
    index: int | None = None
    delivery: str = ""
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None


class Retried(Struct, frozen=True, kw_only=True):
    """A resolution: what became of a retry of the entry that it ``resolves``. ``reason`` says why it still waits."""

    resolves: str
    tenant: str
    source: str
    outcome: RetryOutcome
    reason: str = ""
    detail: str = ""
    at: Micros
    by: str
    retry: str


class Entry(Struct, frozen=True, kw_only=True):
    """What is known of an element: its latest occurrence, how often it came, and the last retry."""

    head: Head
    place: Place
    times: int = 1
    first_received_at: Micros
    retries: int = 0
    last: Retried | None = None

    @property
    def waits(self) -> bool:
        """Whether it can still not be used."""
        return self.last is None or self.last.outcome is RetryOutcome.QUARANTINED

    @property
    def reason(self) -> str:
        """Why it waits: what the last retry found, else why it came."""
        return self.last.reason if self.waits and self.last is not None else self.head.reason

    @property
    def detail(self) -> str:
        """What says more about the reason."""
        return self.last.detail if self.waits and self.last is not None else self.head.detail

    @property
    def order(self) -> tuple[Micros, str]:
        """Lists begin with the greatest."""
        return self.head.received_at, self.head.id


class QuarantineIndex:
    """A fold of crm.quarantine in the order of each partition. It holds at most so many entries.

    What was dealt with goes first, then the oldest that waits; ``left_out`` counts the latter.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[str, Entry] = {}
        self._settled: dict[str, Entry] = {}
        self._next: dict[int, int] = {}
        self.left_out = 0
        self.unreadable = 0

    def take(self, place: Place, message: Head | Retried | None) -> None:
        """The next message of a partition; None: nobody can read it. A message that was taken before is nothing new."""
        if place.offset < self._next.get(place.partition, 0):
            return
        self._next[place.partition] = place.offset + 1
        if message is None:
            self.unreadable += 1
        elif isinstance(message, Retried):
            self._resolve(message)
        else:
            self._enter(place, message)

    def get(self, entry_id: str) -> Entry | None:
        """An entry by its id."""
        return self._waiting.get(entry_id) or self._settled.get(entry_id)

    def forget_before(self, partition: int, offset: int) -> None:
        """What the topic no longer holds is gone."""
        for entries in (self._waiting, self._settled):
            gone = [e for e in entries.values() if e.place.partition == partition and e.place.offset < offset]
            for entry in gone:
                del entries[entry.head.id]

    def counts(self, visible: Callable[[Entry], bool]) -> dict[str, int]:
        """How many wait, by reason."""
        return dict(sorted(Counter(e.reason for e in self._waiting.values() if visible(e)).items()))

    def entries(self, wanted: Callable[[Entry], bool]) -> Iterator[Entry]:
        """All that are wanted, in no order."""
        return (entry for known in (self._waiting, self._settled) for entry in known.values() if wanted(entry))

    def _enter(self, place: Place, head: Head) -> None:
        known = self.get(head.id)
        shown = replace(head, detail=head.detail[:SHOWN_DETAIL])
        if known is not None:
            self._put(replace(known, head=shown, place=place, times=known.times + 1))
            return
        self._put(Entry(head=shown, place=place, first_received_at=head.received_at))
        if len(self._waiting) + len(self._settled) > self._most:
            fullest = self._settled or self._waiting
            self.left_out += fullest is self._waiting
            del fullest[next(iter(fullest))]

    def _resolve(self, retried: Retried) -> None:
        known = self.get(retried.resolves)
        if known is None or (not known.waits and retried.outcome is RetryOutcome.QUARANTINED):
            return  # what was accepted once is on the log: nothing takes that back
        shown = replace(retried, detail=retried.detail[:SHOWN_DETAIL])
        self._put(replace(known, last=shown, retries=known.retries + 1))

    def _put(self, entry: Entry) -> None:
        now, before = (self._waiting, self._settled) if entry.waits else (self._settled, self._waiting)
        before.pop(entry.head.id, None)
        now[entry.head.id] = entry


class Selection(Struct, frozen=True, kw_only=True):
    """Which entries are meant; None: any. Times are those of the latest occurrence, ``since`` included."""

    reason: str | None = None
    source: str | None = None
    since: Micros | None = None
    until: Micros | None = None
    settled: bool = False

    def has(self, entry: Entry) -> bool:
        """Whether an entry is meant. ``settled``: also what was dealt with."""
        received_at = entry.head.received_at
        return (
            (self.settled or entry.waits)
            and self.reason in (None, entry.reason)
            and self.source in (None, entry.head.source)
            and (self.since is None or received_at >= self.since)
            and (self.until is None or received_at < self.until)
        )


class InvalidCursor(ValueError):
    """No page gave it."""


class Page(Struct, frozen=True):
    """Some entries, the latest first; ``after`` asks for the next ones, None: there are none."""

    entries: tuple[Entry, ...]
    after: str | None


def page(entries: Iterable[Entry], *, most: int, after: str | None = None) -> Page:
    """The first entries behind a cursor. Raises: InvalidCursor."""
    border = None if after is None else _position(after)
    behind = (entry for entry in entries if border is None or entry.order < border)
    found = nlargest(most + 1, behind, key=lambda entry: entry.order)
    shown = tuple(found[:most])
    return Page(shown, _cursor(shown[-1]) if len(found) > most else None)


def _cursor(entry: Entry) -> str:
    received_at, entry_id = entry.order
    return f"{received_at}.{entry_id}"


def _position(cursor: str) -> tuple[Micros, str]:
    received_at, dot, entry_id = cursor.partition(".")
    if not dot or not received_at.isascii() or not received_at.isdigit():
        raise InvalidCursor(f"{cursor[:40]!r} is no cursor of ours")
    return int(received_at), entry_id


def identity(kind: str, *parts: bytes) -> str:
    """An entry's id: the same rubbish sent again is the same entry, whatever is said to be wrong with it.

    ``kind``: ``qe`` an element of a delivery, ``qp`` a poison message.
    """
    sized = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return f"{kind}_{hashlib.sha256(sized).hexdigest()[:24]}"
