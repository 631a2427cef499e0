"""What the ledger and the scoreboard need of the world. Adapters implement it, the use cases see nothing else.

Every method that reaches out raises TransientError when it cannot be done now; nothing is applied then, or it is
applied whole and the fence finds it ``done`` on the next try. Use cases let the error pass: the caller retries the
same chunk in place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from services.aggregator.domain.ageing import Swept
from services.aggregator.domain.stored import (
    Counted,
    LedgerCommit,
    LedgerExpiry,
    LedgerHeld,
    RecordsSlice,
    Refold,
    RepRef,
    ScoreboardCommit,
    ScoreboardHeld,
    ScoreboardWanted,
    Shelf,
    Sweep,
)
from shared.domain.cells import CellQuery
from shared.domain.changes import RecordChange
from shared.domain.facts import EPOCH_BITS, PageEntry
from shared.domain.instants import Micros
from shared.domain.restatements import CountedCells, RepMarks, Restatement
from shared.domain.tenant import Tenant
from shared.errors import PacerError


class Chunk(Struct, frozen=True, gc=False):
    """Consecutive messages of one partition: the i-th is at offset ``first + i``; ``next_offset`` comes after.

    ``start`` is the position before the chunk, ``skipped`` how many offsets from there on hold no message: markers of a
    transaction, what compaction took. A chunk of nothing but those has no messages.
    """

    partition: int
    start: int
    values: Sequence[bytes]
    epoch: int = 0
    skipped: int = 0

    @property
    def first(self) -> int:
        """The offset of the first message."""
        return self.start + self.skipped

    @property
    def next_offset(self) -> int:
        """The offset after the last message."""
        return self.first + len(self.values)

    @property
    def position(self) -> int:
        """Revision position of the first message."""
        return self.epoch << EPOCH_BITS | self.first


class Fenced(StrEnum):
    """What a commit found at the fence, the stored next offset of the partition."""

    APPLIED = "applied"
    """It was the chunk's start: the chunk is applied."""
    DONE = "done"
    """It is at or beyond the chunk's end: applied before, or another owner is ahead. Count and go on."""
    BETWEEN = "between"
    """It is inside the chunk: borders differ. Drop, void, seek to the stored offset."""
    BACK = "back"
    """It is before the chunk's start or absent: the state went back. Drop, void, seek to the stored offset."""

    @classmethod
    def at(cls, stored: int, chunk: Chunk) -> Fenced:
        """What a chunk finds at a stored next offset; the commit's script decides likewise."""
        if stored == chunk.start:
            return cls.APPLIED
        if stored >= chunk.next_offset:
            return cls.DONE
        return cls.BETWEEN if stored > chunk.start else cls.BACK


class PoisonReason(StrEnum):
    """Why a message of a log cannot be used."""

    UNDECODABLE = "undecodable"
    UNKNOWN_TENANT = "unknown_tenant"
    IMPOSSIBLE_TIME = "impossible_time"


class Poison(Struct, frozen=True):
    """One message that cannot be used, with the place it was found at."""

    offset: int
    reason: PoisonReason
    detail: str
    value: bytes


class TooMuchPoison(PacerError):
    """More of the log is unusable than any sender's mistakes explain: a bad release. The worker has to stop."""

    reason = "too_much_poison"


class LedgerStore(Protocol):
    """Records of a crm.events partition."""

    async def read(self, partition: int, keys: Sequence[str]) -> LedgerHeld:
        """Packed records in the order of the keys and the offset that they are of. Raises: TransientError."""
        ...

    async def commit(self, partition: int, commit: LedgerCommit) -> Fenced:
        """Applies the chunk atomically if the fence stands at its start. Raises: TransientError."""
        ...

    async def scan(self, partition: int, cursor: int, count: int) -> RecordsSlice:
        """About so many records from a cursor on, 0 at first. Raises: TransientError.

        A record that is there from the first slice to the last comes at least once.
        """
        ...

    async def expire(self, partition: int, expiry: LedgerExpiry) -> bool:
        """Removes records, and replaces some, if the stored next position is that one. Raises: TransientError."""
        ...

    async def succession(self, partition: int) -> tuple[int, bytes | None]:
        """The stored next position and the packed succession of attribution rules. Raises: TransientError."""
        ...

    async def succeed(self, partition: int, known: bytes, packed: bytes) -> bool:
        """Replaces the succession if it still is the known one, empty for none. Raises: TransientError."""
        ...


class EventsLog(Protocol):
    """The log of record changes, beside the flow of chunks: for the self-check."""

    async def sample(self, partition: int, *, before: int, count: int) -> Sequence[bytes]:
        """Up to so many consecutive messages from a place at random before an offset. Raises: TransientError."""
        ...

    async def write_again(self, partition: int, change: RecordChange) -> None:
        """Appends a change that was found there; returns when it is acknowledged. Raises: TransientError."""
        ...


class FactsPublisher(Protocol):
    """The way to kpi.facts."""

    @property
    def partitions(self) -> int:
        """How many partitions kpi.facts has; fixed for the life of a state."""
        ...

    @property
    def state(self) -> str:
        """The state whose facts they are: every FactBatch names it."""
        ...

    async def publish(self, batches: Mapping[int, Sequence[bytes]]) -> None:
        """Sends encoded FactBatches to each named partition, in order; returns when all are acknowledged.

        Raises: TransientError.
        """
        ...


class QuarantineSink(Protocol):
    """Keeps what cannot be used."""

    async def poisoned(self, topic: str, partition: int, poison: Sequence[Poison]) -> None:
        """Returns when all are kept. Repeats are harmless: what they say identifies them. Raises: TransientError."""
        ...


class PoisonTallies(Protocol):
    """How much poison each topic had of late, for all workers of a state."""

    async def read(self, topic: str) -> bytes | None:
        """The packed tally. Raises: TransientError."""
        ...

    async def replace(self, topic: str, known: bytes, packed: bytes) -> bool:
        """Replaces the tally if it still is the known one, empty for none. Raises: TransientError."""
        ...


class Catalogue(Protocol):
    """The configuration in force. It changes between chunks, never within one."""

    @property
    def generation(self) -> int:
        """Rises with every accepted change of the configuration, over restarts too."""
        ...

    @property
    def accepted_at(self) -> Micros:
        """When this process put the generation in force."""
        ...

    @property
    def tenants(self) -> Mapping[str, Tenant]:
        """All configured tenants by id. The same objects until the generation changes."""
        ...


class RestatementStore(Protocol):
    """Marks of closed cells that changed, and the restatements that are told of them."""

    async def marked(self, partition: int, count: int) -> tuple[int, Sequence[RepRef]]:
        """How many reps of a partition have marks, and at most ``count`` of them. Raises: TransientError."""
        ...

    async def marks(self, partition: int, ref: RepRef) -> RepMarks | None:
        """A rep's marks; None if she has none. Raises: TransientError."""
        ...

    async def current(self, partition: int, ref: RepRef, query: CellQuery, version: int) -> CountedCells | None:
        """Her cells and values as they are while ``version`` is that of her last mark; else None.

        Raises: TransientError.
        """
        ...

    async def terms(self, partition: int, digest: str) -> bytes | None:
        """The packed KPIs that cells with a footing of this digest are of. Raises: TransientError."""
        ...

    async def tell(self, partition: int, ref: RepRef, version: int, found: Sequence[Restatement]) -> bool:
        """Keeps restatements and forgets the marks that they were made of, or nothing if there are newer ones.

        Raises: TransientError.
        """
        ...


class ScoreboardStore(Protocol):
    """Pages, cells and distinct values of a kpi.facts partition."""

    @property
    def restatements(self) -> RestatementStore:
        """The same partitions' marks, which commits make, and what is told of them."""
        ...

    @property
    def state(self) -> str:
        """The state that it holds; facts of others are not for it."""
        ...

    async def read(self, partition: int, wanted: ScoreboardWanted) -> ScoreboardHeld:
        """Everything in one round trip. Raises: TransientError."""
        ...

    async def commit(self, partition: int, commit: ScoreboardCommit) -> Fenced:
        """Applies the chunk atomically if the fence stands at its start. Raises: TransientError."""
        ...

    async def footings(self, partition: int) -> tuple[int, dict[RepRef, str]]:
        """How often reps were folded anew, and each rep's footing. Raises: TransientError."""
        ...

    async def pages(self, partition: int, ref: RepRef) -> tuple[int, list[str]]:
        """The stored next position, and the names of a rep's pages. Raises: TransientError."""
        ...

    async def entries(self, partition: int, ref: RepRef, pages: Sequence[str]) -> Sequence[dict[str, PageEntry]]:
        """Entries by fact id of each page, packed or not, of one instant. Raises: TransientError."""
        ...

    async def counted(self, partition: int, ref: RepRef, places: Sequence[tuple[str, str]]) -> Counted:
        """A rep's cells, and her values at the places, (definition, cell). Raises: TransientError."""
        ...

    async def mark(self, partition: int) -> Micros:
        """Everything received up to this instant is applied in the partition. Raises: TransientError."""
        ...

    async def refold(self, partition: int, refold: Refold) -> bool:
        """Puts it in place if position and number are still the same; the version rises. Raises: TransientError."""
        ...

    async def shelf(self, partition: int, ref: RepRef) -> Shelf:
        """What pages a subject has, and in which form. Raises: TransientError."""
        ...

    async def sweep(self, partition: int, sweep: Sweep) -> bool:
        """Does it if position and number are still the same; the number rises. Raises: TransientError."""
        ...


class UpdatesSink(Protocol):
    """Tells readers who changed, at most once a rep in a while; the store keeps the set until it is told."""

    def changed(self, partition: int, reps: Collection[RepRef], received_at: Micros) -> None:
        """Notes reps to publish; does not wait. ``received_at``: earliest ingest time behind the change."""
        ...

    def heartbeat(self, sent_at: Micros) -> None:
        """Notes a heartbeat to pass on; does not wait. A lost one is no loss: the next one comes."""
        ...


class Handled(Struct, frozen=True):
    """What became of a chunk: for metrics, logs and tests.

    messages: all of the chunk. poisoned: of these unusable. foreign: batches of another state, which say nothing here.
    unchanged: repeats that changed nothing. changes: facts published (ledger) or page entries written (scoreboard).
    received_at: earliest ingest time among the chunk, 0 when nothing was decodable. heartbeats: messages that are one
    (ledger). heartbeat: when the newest was sent, 0 for none. unpacked: packed pages that late facts opened again.
    """

    outcome: Fenced
    messages: int
    poisoned: int = 0
    foreign: int = 0
    unchanged: int = 0
    changes: int = 0
    received_at: Micros = 0
    heartbeats: int = 0
    heartbeat: Micros = 0
    unpacked: int = 0


class Settlement(Struct, frozen=True):
    """What is left to do in a partition after a change of the configuration, and what one slice of it changed.

    remaining: records (ledger) or reps (scoreboard), 0 when all is as configured in the generation. restated: how many
    restatements were told meanwhile, of late events too.
    """

    remaining: int
    changes: int = 0
    generation: int = 0
    restated: int = 0


class ChunkHandler(Protocol):
    """A use case as the transport sees it: Ledger and Scoreboard."""

    async def handle(self, chunk: Chunk) -> Handled:
        """Works off one chunk. Chunks of a partition come one after another, those of several may overlap.

        Raises: TransientError (try the same chunk again), TooMuchPoison (stop the worker).
        """
        ...

    async def settle(self, partition: int) -> Settlement:
        """Does a slice of what a change of the configuration left to do; nothing, at no cost, when there is none.

        Never at the same time as a chunk of the partition. Raises: TransientError (try again).
        """
        ...

    async def sweep(self, partition: int) -> Swept:
        """Does a slice of the daily sweep of what is old; nothing, at no cost, when none is due.

        Only where everything is settled, and never at the same time as a chunk of the partition.
        Raises: TransientError (try again).
        """
        ...

    def void(self, partition: int) -> None:
        """Forgets what is cached of a partition: on revocation, and when the fence says BETWEEN or BACK."""
        ...


class SweepLog(Protocol):
    """When the partitions of a stage were last swept."""

    async def last(self, partition: int) -> Micros | None:
        """When the last sweep began, or the partition was first seen; None for never. Raises: TransientError."""
        ...

    async def note(self, partition: int, known: Micros | None, now: Micros) -> bool:
        """Puts an instant in place of the last one if that still is the known one. Raises: TransientError."""
        ...
