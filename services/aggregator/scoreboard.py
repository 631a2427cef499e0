"""The scoreboard: chunks of fact changes in, pages and exact cells out (architecture sections 1 and 2).

A page entry is replaced by a greater revision only, so that what the ledger says twice or out of turn does no harm.
What the replaced entries and the new ones count is added to the cells as a difference; pages stay the truth.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from services.aggregator.auditing import CellsAudit
from services.aggregator.domain.ageing import UNSWEPT, Swept, SweptKind
from services.aggregator.domain.pages import Sheet, cells_of_page
from services.aggregator.domain.stored import PageRef, RepRef, ScoreboardCommit, ScoreboardWanted
from services.aggregator.edited_readings import EditedReadings
from services.aggregator.poison import PoisonKeeper
from services.aggregator.ports import (
    Catalogue,
    Chunk,
    Fenced,
    Handled,
    ScoreboardStore,
    Settlement,
    UpdatesSink,
)
from services.aggregator.posting import CellCache, MarksKnown, Posting, Staged, stage
from services.aggregator.refolding import Bases, MovedOn, Refolding
from services.aggregator.restating import Restating
from services.aggregator.sweep_rounds import SweepRounds
from services.aggregator.sweeping import Sweeping
from shared.contracts.keys import PACKED_FIELD, PAGES_FIELD
from shared.contracts.messages import decode_cell, decode_pages, encode_entry, encode_pages

T = TypeVar("T")
CELLS_CACHED = 40_000
"""A partition's cache is dropped when it holds more: about 40 MB. Live work touches two cells a rep."""


class _Cache(Struct):
    """What is known of a partition's subjects: cells by name, the names of the pages, which of them are packed, and
    marks that are stored until they are told.
    """

    cells: CellCache
    pages: dict[RepRef, set[str]]
    packed: dict[RepRef, set[str]]
    marked: MarksKnown

    def learn(self, ref: RepRef, names: Sequence[str], found: Sequence[bytes | None]) -> None:
        """Takes up what was read of a subject's cells hash."""
        cells = self.cells.setdefault(ref, {})
        for name, stored in zip(names, found, strict=True):
            if name == PAGES_FIELD:
                self.pages[ref] = set() if stored is None else set(decode_pages(stored))
            elif name == PACKED_FIELD:
                self.packed[ref] = set() if stored is None else set(decode_pages(stored))
            else:
                cells[name] = {} if stored is None else decode_cell(stored)


class _Held(Struct):
    """What a chunk finds: the entries that it may replace, and all that is in the packed pages among its own."""

    pages: dict[PageRef, Sequence[bytes | None]]
    packed: dict[PageRef, dict[str, bytes]]


class Scoreboard:
    """The use case; one per worker, for all its kpi.facts partitions."""

    def __init__(
        self,
        store: ScoreboardStore,
        updates: UpdatesSink,
        *,
        poison: PoisonKeeper,
        catalogue: Catalogue,
        rounds: SweepRounds | None = None,
    ) -> None:
        """``rounds`` None: nothing is ever swept."""
        self._store = store
        self._updates = updates
        self._restating = Restating(store.restatements, catalogue, telling=self._unmark)
        self._poison = poison
        edits = EditedReadings(store, catalogue, self._restating)
        self._refolding = Refolding(store, catalogue, edits, refolded=self._forget)
        self._sweeping: Sweeping | None = None
        if rounds is not None:
            self._sweeping = Sweeping(
                store,
                self._refolding,
                catalogue=catalogue,
                rounds=rounds,
                ripen=self._restating.tell,
                swept=self._forget,
            )
        self.audit = CellsAudit(store, self._refolding)
        self._caches: dict[int, _Cache] = {}

    async def handle(self, chunk: Chunk) -> Handled:
        """Applies a chunk to pages and cells and commits. See ChunkHandler."""
        staged = stage(chunk, self._store.state)
        await self._poison.keep(chunk, staged.poison)
        refolds, bases = await self._or_void(chunk.partition, self._bases(chunk.partition, staged))
        cache = self._cache(chunk.partition)
        held = await self._read(chunk.partition, staged, bases, cache)
        commit = ScoreboardCommit(chunk.start, chunk.next_offset, staged.mark, {}, {}, {}, {}, {}, set(), refolds)
        applied = False
        try:
            written = _post(staged, held, bases, cache, commit)
            outcome = await self._store.commit(chunk.partition, commit)
            applied = outcome is Fenced.APPLIED
        finally:
            if not applied:  # the cells were changed in place: whatever went wrong, they are not to be believed
                self.void(chunk.partition)
        if applied and commit.changed:
            self._updates.changed(chunk.partition, commit.changed, staged.first_received_at)
        if applied and commit.marks:
            self._restating.marked(chunk.partition)
        if applied and staged.heartbeat:
            self._updates.heartbeat(staged.heartbeat)
        return Handled(
            outcome,
            messages=len(chunk.values),
            poisoned=len(staged.poison),
            foreign=staged.foreign,
            unchanged=staged.changes - written,
            changes=written,
            received_at=staged.first_received_at,
            heartbeat=staged.heartbeat,
            unpacked=sum(map(len, commit.unpacked.values())),
        )

    async def settle(self, partition: int) -> Settlement:
        """Folds some reps anew whose cells are not as configured, then tells restatements. See ChunkHandler."""
        settlement = await self._or_void(partition, self._refolding.settle(partition))
        if not settlement.remaining:
            await self._restating.advance(partition)
        if settlement.changes:
            self._updates.changed(partition, (), 0)
        return replace(settlement, restated=self._restating.told())

    async def sweep(self, partition: int) -> Swept:
        """Packs and removes some old pages, once a day. See ChunkHandler."""
        if self._sweeping is None:
            return UNSWEPT
        swept = await self._or_void(partition, self._sweeping.sweep(partition))
        if swept.counts.get(SweptKind.PAGE_EXPIRED):
            self._updates.changed(partition, (), 0)
        return swept

    def void(self, partition: int) -> None:
        """Forgets the partition's cells; they are read again when they are needed."""
        self._caches.pop(partition, None)
        self._refolding.void(partition)
        if self._sweeping is not None:
            self._sweeping.void(partition)
        self._restating.void(partition)

    async def _or_void(self, partition: int, work: Awaitable[T]) -> T:
        """Where another worker has written, nothing that is cached of the partition is to be believed."""
        try:
            return await work
        except MovedOn:
            self.void(partition)
            raise

    def _forget(self, partition: int, ref: RepRef) -> None:
        """The subject's cells or pages were put in place anew."""
        cache = self._caches.get(partition)
        if cache is not None:
            for known in (cache.cells, cache.pages, cache.packed):
                known.pop(ref, None)

    def _unmark(self, partition: int, ref: RepRef) -> None:
        """What was marked of her may be told from now on."""
        if partition in self._caches:
            self._caches[partition].marked.pop(ref, None)

    async def _bases(self, partition: int, staged: Staged) -> tuple[int, Bases]:
        """What the chunk is counted under, by subject; an owner whom nobody claims has pages and no cells."""
        refs = dict.fromkeys(ref[:2] for ref in staged.pages)
        return await self._refolding.bases(partition, refs)

    def _cache(self, partition: int) -> _Cache:
        cache = self._caches.get(partition)
        if cache is None or sum(map(len, cache.cells.values())) > CELLS_CACHED:
            cache = self._caches[partition] = _Cache({}, {}, {}, {})
        return cache

    async def _read(self, partition: int, staged: Staged, bases: Bases, cache: _Cache) -> _Held:
        """Page entries, and the cells and names of pages that the cache lacks, which it then has."""
        if not staged.pages:
            return _Held({}, {})
        cells = {ref: names for ref, names in _missing(staged, bases, cache) if names}
        wanted = ScoreboardWanted({ref: list(entries) for ref, entries in staged.pages.items()}, cells)
        answer = await self._store.read(partition, wanted)
        for ref, names in cells.items():
            cache.learn(ref, names, answer.cells[ref])
        held = _Held(dict(answer.pages), {})
        await self._look_into_packed(partition, staged, cache, held)
        return held

    async def _look_into_packed(self, partition: int, staged: Staged, cache: _Cache, held: _Held) -> None:
        """A page that is packed holds nothing where entries are looked for: it is read whole."""
        packed: dict[RepRef, list[str]] = {}
        for tenant_id, subject, page in staged.pages:
            if page in cache.packed[tenant_id, subject]:
                packed.setdefault((tenant_id, subject), []).append(page)
        for ref, pages in packed.items():
            for page, entries in zip(pages, await self._store.entries(partition, ref, pages), strict=True):
                place = (*ref, page)
                stored = held.packed[place] = {fact_id: encode_entry(entry) for fact_id, entry in entries.items()}
                held.pages[place] = [stored.get(fact_id) for fact_id in staged.pages[place]]


def _missing(staged: Staged, bases: Bases, cache: _Cache) -> Iterator[tuple[RepRef, list[str]]]:
    pages_of: dict[RepRef, list[str]] = {}
    for tenant_id, subject, page in staged.pages:
        pages_of.setdefault((tenant_id, subject), []).append(page)
    for ref, basis in bases.items():
        wanted = [] if ref in cache.pages else [PAGES_FIELD, PACKED_FIELD]
        if basis is not None:
            with_state = basis.plan.stocks_of_moments
            names = (cells_of_page(page, basis.zone, with_state=with_state) for page in pages_of[ref])
            known = cache.cells.get(ref, {})
            wanted += dict.fromkeys(name for some in names for name in some if name not in known)
        yield ref, wanted


def _post(staged: Staged, held: _Held, bases: Bases, cache: _Cache, commit: ScoreboardCommit) -> int:
    """Fills the commit; returns how many page entries it writes."""
    sheets: dict[RepRef, Sheet | None] = {
        ref: None if basis is None else Sheet(basis.plan, basis.zone) for ref, basis in bases.items()
    }
    posting = Posting(commit, sheets, cache.cells, cache.marked)
    fresh: dict[RepRef, list[str]] = {}
    for page_ref, entries in staged.pages.items():
        ref = page_ref[:2]
        posting.turn(page_ref, entries, held.pages[page_ref])
        if page_ref[2] not in cache.pages[ref]:
            fresh.setdefault(ref, []).append(page_ref[2])
    posting.close()
    for ref, pages in fresh.items():
        cache.pages[ref].update(pages)
        commit.cells.setdefault(ref, {})[PAGES_FIELD] = encode_pages(sorted(cache.pages[ref]))
    _unpack(held, cache, commit)
    return posting.written


def _unpack(held: _Held, cache: _Cache, commit: ScoreboardCommit) -> None:
    """Packed pages that the chunk writes to become plain ones again, whole."""
    for place, stored in held.packed.items():
        written = commit.pages.get(place)
        if written is not None:
            commit.pages[place] = stored | written
            commit.unpacked.setdefault(place[:2], []).append(place[2])
    for ref, pages in commit.unpacked.items():
        packed = cache.packed[ref]
        packed.difference_update(pages)
        commit.cells.setdefault(ref, {})[PACKED_FIELD] = encode_pages(sorted(packed)) if packed else None
