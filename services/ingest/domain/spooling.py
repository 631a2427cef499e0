"""What waits on our own disk while the log is away, and which way a delivery takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from msgspec import Struct

from shared.domain.instants import Micros

BATCH_MESSAGES = 1000
BATCH_BYTES = 1_000_000
"""What is drained at once: enough to fill the log's requests, little enough to be confirmed well within its limit."""


KNOWN_SECONDS = 1.0
"""So long a failure is taken for the present state of a log that nobody has tried since."""


class LogMessage(Struct, frozen=True, array_like=True, gc=False):
    """One message for the log, as it lies there: authenticated, translated, without a credential."""

    topic: str
    key: str
    value: bytes


class Spooled(Struct, frozen=True, array_like=True):
    """All messages of one delivery, the source that sent it and when it reached us."""

    source: str
    received_at: Micros
    messages: tuple[LogMessage, ...]

    @property
    def size(self) -> int:
        """Bytes of its messages."""
        return sum(len(message.value) + len(message.key) for message in self.messages)


class Held(Struct, frozen=True):
    """What a spool holds: parts that are drained one after the other, deliveries and bytes in them.

    ``oldest_at``: when the oldest was put there; 0 for none. ``unreadable``: parts whose key is none of ours.
    """

    parts: int = 0
    deliveries: int = 0
    size: int = 0
    oldest_at: Micros = 0
    unreadable: int = 0


class Way(StrEnum):
    """Where a delivery of a source with a spool goes first."""

    LOG = "log"
    SPOOL = "spool"
    WAIT = "wait"
    """For the last part to be drained, which takes moments; then to the log."""


def way(*, away_for: float | None, parts: int) -> Way:
    """What was spooled goes before what comes after it, and a log that is known to be away is not waited for.

    ``away_for``: seconds since the log failed, None when it has taken something since; ``parts``: how many wait in the
    spool. Waiting for the last part ends the spooling: with a steady stream there would always be one more to drain.
    With nothing spooled, an old failure says little: one delivery finds out.
    """
    if away_for is not None:
        return Way.SPOOL if parts or away_for < KNOWN_SECONDS else Way.LOG
    if parts == 0:
        return Way.LOG
    return Way.WAIT if parts == 1 else Way.SPOOL


def batches(deliveries: Sequence[Spooled]) -> Iterator[list[Spooled]]:
    """The deliveries in their order, as many at once as the log takes well."""
    batch: list[Spooled] = []
    messages = size = 0
    for delivery in deliveries:
        full = messages + len(delivery.messages) > BATCH_MESSAGES or size + delivery.size > BATCH_BYTES
        if batch and full:
            yield batch
            batch, messages, size = [], 0, 0
        batch.append(delivery)
        messages += len(delivery.messages)
        size += delivery.size
    if batch:
        yield batch
