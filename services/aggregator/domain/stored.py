"""What is read from and written to the stores: one chunk's worth of a partition's state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from services.aggregator.domain.arrivals import Arrivals
from shared.domain.instants import Micros
from shared.domain.restatements import Restatement

PageRef: TypeAlias = tuple[str, str, str]
"""(tenant, subject, page)."""
RepRef: TypeAlias = tuple[str, str]
"""(tenant, rep)."""
ValuesRef: TypeAlias = tuple[str, str, str, str]
"""(tenant, rep, definition, cell): the values of a distinct KPI, or the numbers of a ranked one."""


class LedgerCommit(Struct, gc=False):
    """All that one chunk changes in a ledger partition.

    records: ``RecordChange.key`` -> packed record. sources: ``tenant/source`` -> greatest received_at of the chunk
    (the store keeps the maximum). mark: greatest received_at of the chunk, 0 when nothing was decodable.
    incomplete: ``tenant/source/record type/field`` -> change of the number of records that miss it; deleted at 0.
    arrivals: what the chunk adds to the counts by hour.
    """

    start: int
    next_offset: int
    records: dict[str, bytes]
    sources: dict[str, Micros]
    mark: Micros
    incomplete: Mapping[str, int] = {}
    arrivals: Arrivals | None = None


class LedgerExpiry(Struct, gc=False):
    """What a slice of a sweep does to records, if the stored next position still is ``position``.

    gone: keys. replaced: key -> packed record. incomplete: as in LedgerCommit.
    """

    position: int
    gone: Sequence[str]
    replaced: Mapping[str, bytes]
    incomplete: Mapping[str, int] = {}


class LedgerHeld(Struct, frozen=True, gc=False):
    """Packed records in the order asked for, and the offset that the partition was at when they were read."""

    next_offset: int
    records: Sequence[bytes | None]


class RecordsSlice(Struct, frozen=True):
    """Some of a partition's records, all of one instant.

    position: the stored next position. total: how many records there are. cursor: where to go on, 0 is the end.
    """

    position: int
    total: int
    cursor: int
    records: Sequence[tuple[str, bytes]]


class ScoreboardWanted(Struct, gc=False):
    """What a chunk has to see. pages: fact ids by page; cells: cell names by rep. Both without repeats."""

    pages: dict[PageRef, list[str]]
    cells: dict[RepRef, list[str]]


class ScoreboardHeld(Struct, gc=False):
    """The answer: packed PageEntry by page and packed cell by rep, in the order of the question; None is absent."""

    pages: Mapping[PageRef, Sequence[bytes | None]]
    cells: Mapping[RepRef, Sequence[bytes | None]]


class Marks(Struct, gc=False):
    """Closed cells of a rep that a chunk changes, by fields of shared.contracts.restatements.

    cells: packed as they were before, and causes: why; both count where there is none yet. values: by how many more
    facts have a value.
    """

    cells: dict[str, bytes]
    causes: dict[str, bytes]
    values: dict[str, int]


class ScoreboardCommit(Struct, gc=False):
    """All that one chunk changes in a scoreboard partition.

    pages: fact id -> packed PageEntry, withdrawals too. cells: cell name -> packed cell, absolute; None deletes; two
    more fields, ``PAGES_FIELD`` and ``PACKED_FIELD`` of ``shared.contracts.keys``, have the names of her pages.
    unpacked: pages by subject whose packed form goes; all of their entries are in ``pages``.
    values: value or number -> change of its number of facts; an entry that reaches 0 is deleted.
    unmapped: ``tenant/?source/owner`` -> change of the number of parked facts; deleted at 0.
    unconverted: ``tenant/subject/page/fact id`` -> currency without a rate; None deletes.
    changed: reps whose version rises by one and who join the set of reps to publish.
    mark: greatest ``received_at`` of the chunk's batches, 0 when nothing was decodable.
    refolds: how often reps of the partition were folded anew, as far as the cells know; BETWEEN if it was more.
    marks: of reps whose closed periods change.
    """

    start: int
    next_offset: int
    mark: Micros
    pages: dict[PageRef, dict[str, bytes]]
    cells: dict[RepRef, dict[str, bytes | None]]
    values: dict[ValuesRef, dict[str, int]]
    unmapped: dict[str, int]
    unconverted: dict[str, str | None]
    changed: set[RepRef]
    refolds: int = 0
    marks: dict[RepRef, Marks] = {}
    unpacked: dict[RepRef, list[str]] = {}


class Shelf(Struct, frozen=True):
    """The pages of a subject at the stored next position: the names of all, of those that are packed, and the words."""

    position: int
    pages: list[str]
    packed: list[str]
    words: bytes = b""


class Sweep(Struct):
    """What a sweep does to one subject. position, refolds: as in Refold.

    packed: page -> its packed form, which takes the place of its entries. words: what they are packed with; kept if
    none are. gone: pages that go, in whatever form. cells, values, unmapped, unconverted: as in ScoreboardCommit, the
    values by (definition, cell). is_changed: whether her version rises and she joins the set of reps to publish.
    """

    ref: RepRef
    position: int
    refolds: int = 0
    packed: dict[str, bytes] = {}
    words: bytes = b""
    gone: list[str] = []
    cells: dict[str, bytes | None] = {}
    values: dict[tuple[str, str], dict[str, int]] = {}
    unmapped: dict[str, int] = {}
    unconverted: list[str] = []
    is_changed: bool = False


class Refold(Struct):
    """All of a rep's cells and distinct values, to be put in place of what is there.

    position: the stored next position when her pages were read. refolds: as in ScoreboardCommit. footing: what they
    are folded under; empty for who is no rep. values: (definition, cell) -> distinct value -> facts. gone: where
    values were before. unconverted: as in ScoreboardCommit. terms: packed KPIs by the digest that the footing names.
    told: what becomes of the readings of closed periods. folded: what the cells count, see shared.domain.folded.
    """

    ref: RepRef
    position: int
    refolds: int
    footing: str
    cells: dict[str, bytes]
    values: dict[tuple[str, str], dict[str, int]]
    unconverted: dict[str, str | None]
    gone: list[tuple[str, str]] = []
    terms: dict[str, bytes] = {}
    told: list[Restatement] = []
    folded: str = ""


class Counted(Struct, frozen=True):
    """A rep's cells and values at the places asked for, all of one instant; what is empty is absent.

    ``retained_from``: her facts before it are gone for their age; 0 for none.
    """

    version: int
    cells: Mapping[str, bytes]
    values: Mapping[tuple[str, str], Mapping[str, int]]
    retained_from: Micros = 0
