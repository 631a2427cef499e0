"""The aggregator's stores in memory, fenced like the real ones."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from services.aggregator.domain.stored import (
    Counted,
    LedgerCommit,
    LedgerExpiry,
    LedgerHeld,
    Marks,
    PageRef,
    RecordsSlice,
    Refold,
    RepRef,
    ScoreboardCommit,
    ScoreboardHeld,
    ScoreboardWanted,
    Shelf,
    Sweep,
    ValuesRef,
)
from services.aggregator.ports import Fenced
from shared.adapters.scoreboard_reader import retained_from
from shared.contracts.keys import (
    BESIDE_CELLS,
    FIRST_STATE,
    FOLDED_FIELD,
    PACKED_FIELD,
    PAGES_FIELD,
    RETAINED_FIELD,
)
from shared.contracts.messages import decode_cell, decode_entry, decode_pages
from shared.contracts.packed_pages import unpack_page
from shared.contracts.restatements import VERSION_FIELD, decode_marks
from shared.domain.accumulators import Accumulator
from shared.domain.cells import CellQuery, SubjectCells
from shared.domain.exact import number
from shared.domain.facts import Fact, PageEntry
from shared.domain.folded import parsed
from shared.domain.instants import Micros
from shared.domain.restatements import CountedCells, RepMarks, Restatement
from shared.errors import TransientError

"""Fields beside the cells."""


class Fence:
    """The stored next offset of each partition, 0 at first."""

    def __init__(self) -> None:
        self.offsets: dict[int, int] = defaultdict(int)

    def pass_through(self, partition: int, start: int, next_offset: int) -> Fenced:
        """What a commit finds; APPLIED moves the fence."""
        stored = self.offsets[partition]
        if stored == start:
            self.offsets[partition] = next_offset
            return Fenced.APPLIED
        if stored >= next_offset:
            return Fenced.DONE
        return Fenced.BETWEEN if stored > start else Fenced.BACK


class Failures:
    """Commits that are lost on the way: the test says how many."""

    def __init__(self) -> None:
        self.lost_commits = 0

    def may_fail(self) -> None:
        """Raises TransientError while commits are to be lost."""
        if self.lost_commits:
            self.lost_commits -= 1
            raise TransientError("lost, as the test wants it")


class InMemorySweepLog:
    """See SweepLog."""

    def __init__(self) -> None:
        self.stamps: dict[int, Micros] = {}

    async def last(self, partition: int) -> Micros | None:
        """See the port."""
        return self.stamps.get(partition)

    async def note(self, partition: int, known: Micros | None, now: Micros) -> bool:
        """See the port."""
        if self.stamps.get(partition) != known:
            return False
        self.stamps[partition] = now
        return True


class InMemoryLedgerStore(Failures):
    """See LedgerStore."""

    def __init__(self) -> None:
        super().__init__()
        self.fence = Fence()
        self.records: dict[str, bytes] = {}
        self.sources: dict[str, Micros] = {}
        self.successions: dict[int, bytes] = {}
        self.incomplete: dict[str, int] = {}
        self.received: Counter[tuple[str, int]] = Counter()
        self.repeated: Counter[tuple[str, int]] = Counter()
        self.most_scanned = 500
        self.mark = 0

    async def read(self, partition: int, keys: Sequence[str]) -> LedgerHeld:
        """See the port."""
        return LedgerHeld(self.fence.offsets[partition], [self.records.get(key) for key in keys])

    async def commit(self, partition: int, commit: LedgerCommit) -> Fenced:
        """See the port."""
        self.may_fail()
        outcome = self.fence.pass_through(partition, commit.start, commit.next_offset)
        if outcome is Fenced.APPLIED:
            self.records.update(commit.records)
            for source, at in commit.sources.items():
                self.sources[source] = max(at, self.sources.get(source, 0))
            self.mark = max(self.mark, commit.mark)
            self.incomplete = _counted(self.incomplete, commit.incomplete)
            if commit.arrivals is not None:
                self.received.update(commit.arrivals.received)
                self.repeated.update(commit.arrivals.repeated)
        return outcome

    async def scan(self, partition: int, cursor: int, count: int) -> RecordsSlice:
        """See the port."""
        self.may_fail()
        following = cursor + min(count, self.most_scanned)
        records = sorted(self.records.items())
        end = 0 if following >= len(records) else following
        return RecordsSlice(self.fence.offsets[partition], len(records), end, records[cursor:following])

    async def expire(self, partition: int, expiry: LedgerExpiry) -> bool:
        """See the port."""
        self.may_fail()
        if self.fence.offsets[partition] != expiry.position:
            return False
        for key in expiry.gone:
            self.records.pop(key, None)
        self.records.update(expiry.replaced)
        self.incomplete = _counted(self.incomplete, expiry.incomplete)
        return True

    async def succession(self, partition: int) -> tuple[int, bytes | None]:
        """See the port."""
        return self.fence.offsets[partition], self.successions.get(partition)

    async def succeed(self, partition: int, known: bytes, packed: bytes) -> bool:
        """See the port."""
        if self.successions.get(partition, b"") != known:
            return False
        self.successions[partition] = packed
        return True


def _counted(known: Mapping[str, int], changes: Mapping[str, int]) -> dict[str, int]:
    sums = {name: known.get(name, 0) + changes.get(name, 0) for name in known.keys() | changes.keys()}
    return {name: left for name, left in sums.items() if left}


class InMemoryScoreboardStore(Failures):
    """See ScoreboardStore; partitions share nothing but this object."""

    def __init__(self) -> None:
        super().__init__()
        self.state = FIRST_STATE
        self.fence = Fence()
        self.pages_held: dict[PageRef, dict[str, bytes]] = defaultdict(dict)
        self.packed_held: dict[RepRef, dict[str, tuple[bytes, bytes]]] = defaultdict(dict)
        self.words: dict[RepRef, bytes] = {}
        self.cells: dict[RepRef, dict[str, bytes]] = defaultdict(dict)
        self.values: dict[ValuesRef, dict[str, int]] = defaultdict(dict)
        self.versions: dict[RepRef, int] = defaultdict(int)
        self.unmapped: dict[str, int] = {}
        self.unconverted: dict[str, str] = {}
        self.changed: set[RepRef] = set()
        self.refolds: dict[int, int] = defaultdict(int)
        self.footed: dict[int, dict[RepRef, str]] = defaultdict(dict)
        self.restatements = InMemoryRestatementStore(self)
        self.mark_at = 0

    async def read(self, partition: int, wanted: ScoreboardWanted) -> ScoreboardHeld:  # noqa: ARG002 - the port's
        """See the port."""
        return ScoreboardHeld(
            {ref: [self.pages_held.get(ref, {}).get(fact_id) for fact_id in ids] for ref, ids in wanted.pages.items()},
            {ref: [self.cells.get(ref, {}).get(name) for name in names] for ref, names in wanted.cells.items()},
        )

    async def commit(self, partition: int, commit: ScoreboardCommit) -> Fenced:
        """See the port."""
        self.may_fail()
        at = self.fence.offsets[partition]
        outcome = self.fence.pass_through(partition, commit.start, commit.next_offset)
        if outcome is Fenced.APPLIED and commit.refolds != self.refolds[partition]:
            self.fence.offsets[partition] = at
            return Fenced.BETWEEN
        if outcome is Fenced.APPLIED:
            self._apply(commit)
        return outcome

    async def footings(self, partition: int) -> tuple[int, dict[RepRef, str]]:
        """See the port."""
        return self.refolds[partition], dict(self.footed[partition])

    async def pages(self, partition: int, ref: RepRef) -> tuple[int, list[str]]:
        """See the port."""
        packed = self.cells[ref].get(PAGES_FIELD)
        return self.fence.offsets[partition], [] if packed is None else decode_pages(packed)

    async def entries(self, partition: int, ref: RepRef, pages: Sequence[str]) -> Sequence[dict[str, PageEntry]]:  # noqa: ARG002 - the port's
        """See the port."""
        return [self._page(ref, page) for page in pages]

    def _page(self, ref: RepRef, page: str) -> dict[str, PageEntry]:
        packed = self.packed_held[ref].get(page)
        if packed is not None:
            return unpack_page(*packed)
        return {fact_id: decode_entry(stored) for fact_id, stored in self.pages_held.get((*ref, page), {}).items()}

    async def shelf(self, partition: int, ref: RepRef) -> Shelf:
        """See the port."""
        names = [self.cells[ref].get(field) for field in (PAGES_FIELD, PACKED_FIELD)]
        pages, packed = ([] if some is None else decode_pages(some) for some in names)
        return Shelf(self.fence.offsets[partition], pages, packed, self.words.get(ref, b""))

    async def sweep(self, partition: int, sweep: Sweep) -> bool:
        """See the port."""
        self.may_fail()
        if (self.fence.offsets[partition], self.refolds[partition]) != (sweep.position, sweep.refolds):
            return False
        words = self.words.setdefault(sweep.ref, sweep.words) if sweep.words else b""
        for page in (*sweep.packed, *sweep.gone):
            self.pages_held.pop((*sweep.ref, page), None)
            self.packed_held[sweep.ref].pop(page, None)
        self.packed_held[sweep.ref].update((page, (packed, words)) for page, packed in sweep.packed.items())
        _write(self.cells[sweep.ref], sweep.cells)
        for place, deltas in sweep.values.items():
            _add(self.values[*sweep.ref, *place], deltas)
        _add(self.unmapped, sweep.unmapped)
        for name in sweep.unconverted:
            self.unconverted.pop(name, None)
        self.refolds[partition] += 1
        if sweep.is_changed:
            self.versions[sweep.ref] += 1
            self.changed.add(sweep.ref)
        return True

    async def counted(self, partition: int, ref: RepRef, places: Sequence[tuple[str, str]]) -> Counted:  # noqa: ARG002 - the port's
        """See the port."""
        cells = {name: packed for name, packed in self.cells[ref].items() if name not in BESIDE_CELLS}
        values = {place: dict(found) for place in places if (found := self.values.get((*ref, *place)))}
        return Counted(self.versions[ref], cells, values, retained_from(self.cells[ref].get(RETAINED_FIELD)))

    async def mark(self, partition: int) -> Micros:  # noqa: ARG002 - the port's
        """See the port."""
        return self.mark_at

    async def refold(self, partition: int, refold: Refold) -> bool:
        """See the port."""
        self.may_fail()
        if (self.fence.offsets[partition], self.refolds[partition]) != (refold.position, refold.refolds):
            return False
        pages = {name: packed for name, packed in self.cells[refold.ref].items() if name in BESIDE_CELLS}
        self.cells[refold.ref] = pages | refold.cells | {FOLDED_FIELD: refold.folded.encode()}
        for place in refold.gone:
            self.values.pop((*refold.ref, *place), None)
        for place, found in refold.values.items():
            self.values[*refold.ref, *place] = dict(found)
        _write(self.unconverted, refold.unconverted)
        self.versions[refold.ref] += 1
        self.refolds[partition] += 1
        self.footed[partition][refold.ref] = refold.footing
        if refold.footing:
            self.changed.add(refold.ref)
        self.restatements.refolded(refold)
        return True

    def _apply(self, commit: ScoreboardCommit) -> None:
        for ref, entries in commit.pages.items():
            self.pages_held[ref].update(entries)
        for subject, pages in commit.unpacked.items():
            for page in pages:
                del self.packed_held[subject][page]
        for rep, cells in commit.cells.items():
            _write(self.cells[rep], cells)
        for values_ref, deltas in commit.values.items():
            _add(self.values[values_ref], deltas)
        _add(self.unmapped, commit.unmapped)
        _write(self.unconverted, commit.unconverted)
        for rep in commit.changed:
            self.versions[rep] += 1
        for rep, marks in commit.marks.items():
            self.restatements.mark(rep, marks, self.versions[rep])
        self.changed |= commit.changed
        self.mark_at = max(self.mark_at, commit.mark)

    def facts(self, tenant: str = "acme") -> dict[tuple[str, str, str], Fact]:
        """Every fact by (subject, page, fact id); withdrawals left out."""
        places = [*self.pages_held, *((*ref, page) for ref, pages in self.packed_held.items() for page in pages)]
        return {
            (subject, page, fact_id): entry.fact
            for owner, subject, page in places
            for fact_id, entry in self._page((owner, subject), page).items()
            if owner == tenant and entry.fact is not None
        }

    def decoded_cells(self, tenant: str = "acme") -> dict[tuple[str, str], dict[str, Accumulator]]:
        """Content of every cell that holds something, by (rep, cell name)."""
        return {
            (rep, name): decode_cell(packed)
            for (owner, rep), cells in self.cells.items()
            for name, packed in cells.items()
            if owner == tenant and name not in BESIDE_CELLS
        }

    def distinct_values(self, tenant: str = "acme") -> dict[tuple[str, str, str], dict[str, int]]:
        """Values with how many facts have them, by (rep, definition, cell name)."""
        return {ref[1:]: values for ref, values in self.values.items() if ref[0] == tenant and values}

    def subject_cells(self, rep: str, tenant: str = "acme") -> SubjectCells:
        """A rep's cells as readings take them."""
        cells = {name: content for (owner, name), content in self.decoded_cells(tenant).items() if owner == rep}
        kept = {ref[1:]: found for ref, found in self.distinct_values(tenant).items() if ref[0] == rep}
        values = {ref: frozenset(found) for ref, found in kept.items()}
        numbers = {
            ref: {Decimal(value): facts for value, facts in found.items()}
            for ref, found in kept.items()
            if all(number(value) is not None for value in found)
        }
        retained = retained_from(self.cells[tenant, rep].get(RETAINED_FIELD))
        folded = self.cells[tenant, rep].get(FOLDED_FIELD)
        counted = None if folded is None else parsed(folded.decode())
        return SubjectCells(self.versions[tenant, rep], cells, values, numbers, retained, counted)


class InMemoryRestatementStore:
    """See RestatementStore; all partitions in one, and nothing that was told is ever forgotten."""

    def __init__(self, scoreboard: InMemoryScoreboardStore) -> None:
        self._scoreboard = scoreboard
        self._marks: dict[RepRef, dict[str, bytes]] = {}
        self._values: dict[RepRef, dict[str, int]] = defaultdict(dict)
        self._terms: dict[str, bytes] = {}
        self.told: list[Restatement] = []

    def mark(self, ref: RepRef, marks: Marks, version: int) -> None:
        """What a commit does."""
        known = self._marks.setdefault(ref, {})
        for field, packed in (*marks.cells.items(), *marks.causes.items()):
            known.setdefault(field, packed)
        _add(self._values[ref], marks.values)
        known[VERSION_FIELD] = b"%d" % version

    def refolded(self, refold: Refold) -> None:
        """What a fold anew does."""
        self._terms |= refold.terms
        self.told += refold.told

    async def terms(self, partition: int, digest: str) -> bytes | None:  # noqa: ARG002 - the port's
        """See the port."""
        return self._terms.get(digest)

    async def marked(self, partition: int, count: int) -> tuple[int, Sequence[RepRef]]:  # noqa: ARG002 - the port's
        """See the port."""
        return len(self._marks), sorted(self._marks)[:count]

    async def marks(self, partition: int, ref: RepRef) -> RepMarks | None:  # noqa: ARG002 - the port's
        """See the port."""
        known = self._marks.get(ref)
        return None if known is None else decode_marks(known, self._values[ref])

    async def current(self, partition: int, ref: RepRef, query: CellQuery, version: int) -> CountedCells | None:
        """See the port."""
        marks = await self.marks(partition, ref)
        if marks is None or marks.version != version:
            return None
        store = self._scoreboard
        cells = {name: decode_cell(store.cells[ref][name]) for name in query.cells if name in store.cells[ref]}
        values = {place: dict(store.values[*ref, *place]) for place in query.values | query.numbers}
        return CountedCells(cells, values, retained_from(store.cells[ref].get(RETAINED_FIELD)))

    async def tell(self, partition: int, ref: RepRef, version: int, found: Sequence[Restatement]) -> bool:
        """See the port."""
        self._scoreboard.may_fail()
        marks = await self.marks(partition, ref)
        if marks is None or marks.version != version:
            return False
        del self._marks[ref], self._values[ref]
        self.told += found
        return True


def _write(target: dict[str, object] | dict[str, bytes] | dict[str, str], changes: Mapping[str, object]) -> None:
    for name, value in changes.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = value  # type: ignore[assignment]


def _add(target: dict[str, int], deltas: Mapping[str, int]) -> None:
    for name, delta in deltas.items():
        target[name] = target.get(name, 0) + delta
        if not target[name]:
            del target[name]
