"""The scoreboard: chunks of fact changes in, pages and exact cells out (architecture sections 1 and 2).

A page entry is replaced by a greater revision only, so that what the ledger says twice or out of turn does no harm.
What the replaced entries and the new ones count is added to the cells as a difference; pages stay the truth.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from services.aggregator.domain.pages import Sheet, cells_of_page
from services.aggregator.domain.poison import PoisonLimit
from services.aggregator.domain.stored import RepRef, ScoreboardCommit, ScoreboardHeld, ScoreboardWanted
from services.aggregator.poison import PoisonKeeper
from services.aggregator.ports import (
    Catalogue,
    Chunk,
    Fenced,
    Handled,
    QuarantineSink,
    ScoreboardStore,
    Settlement,
    UpdatesSink,
)
from services.aggregator.posting import CellCache, Posting, Staged, stage
from services.aggregator.refolding import Bases, Refolding
from shared.contracts.keys import PAGES_FIELD
from shared.contracts.messages import decode_cell, decode_pages, encode_pages
from shared.contracts.topics import KPI_FACTS
from shared.domain.facts import UNMAPPED_PREFIX

CELLS_CACHED = 40_000
"""A partition's cache is dropped when it holds more: about 40 MB. Live work touches two cells a rep."""


class _Cache(Struct):
    """What is known of a partition's reps: cells by name, and the names of her pages."""

    cells: CellCache
    pages: dict[RepRef, set[str]]


class Scoreboard:
    """The use case; one per worker, for all its kpi.facts partitions."""

    def __init__(
        self,
        store: ScoreboardStore,
        updates: UpdatesSink,
        *,
        quarantine: QuarantineSink,
        catalogue: Catalogue,
        poison_limit: PoisonLimit | None = None,
    ) -> None:
        self._store = store
        self._updates = updates
        self._poison = PoisonKeeper(KPI_FACTS, quarantine, poison_limit)
        self._refolding = Refolding(store, catalogue, self._refolded)
        self._caches: dict[int, _Cache] = {}

    async def handle(self, chunk: Chunk) -> Handled:
        """Applies a chunk to pages and cells and commits. See ChunkHandler."""
        staged = stage(chunk, self._store.state)
        await self._poison.keep(chunk, staged.poison)
        refolds, bases = await self._bases(chunk.partition, staged)
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
        )

    async def settle(self, partition: int) -> Settlement:
        """Folds some reps anew whose cells are not as configured. See ChunkHandler."""
        settlement = await self._refolding.settle(partition)
        if settlement.changes:
            self._updates.changed(partition, (), 0)
        return settlement

    def void(self, partition: int) -> None:
        """Forgets the partition's cells; they are read again when they are needed."""
        self._caches.pop(partition, None)
        self._refolding.void(partition)

    def _refolded(self, partition: int, ref: RepRef) -> None:
        if partition in self._caches:
            self._caches[partition].cells.pop(ref, None)

    async def _bases(self, partition: int, staged: Staged) -> tuple[int, Bases]:
        """What the chunk is counted under, by subject who may be a rep."""
        refs = dict.fromkeys(ref[:2] for ref in staged.pages if not ref[1].startswith(UNMAPPED_PREFIX))
        return await self._refolding.bases(partition, refs)

    def _cache(self, partition: int) -> _Cache:
        cache = self._caches.get(partition)
        if cache is None or sum(map(len, cache.cells.values())) > CELLS_CACHED:
            cache = self._caches[partition] = _Cache({}, {})
        return cache

    async def _read(self, partition: int, staged: Staged, bases: Bases, cache: _Cache) -> ScoreboardHeld:
        """Page entries, and the cells and names of pages that the cache lacks, which it then has."""
        if not staged.pages:
            return ScoreboardHeld({}, {})
        cells = {ref: names for ref, names in _missing(staged, bases, cache) if names}
        wanted = ScoreboardWanted({ref: list(entries) for ref, entries in staged.pages.items()}, cells)
        held = await self._store.read(partition, wanted)
        for ref, names in cells.items():
            known = cache.cells.setdefault(ref, {})
            for name, packed in zip(names, held.cells[ref], strict=True):
                if name == PAGES_FIELD:
                    cache.pages[ref] = set() if packed is None else set(decode_pages(packed))
                else:
                    known[name] = {} if packed is None else decode_cell(packed)
        return held


def _missing(staged: Staged, bases: Bases, cache: _Cache) -> Iterator[tuple[RepRef, list[str]]]:
    pages_of: dict[RepRef, list[str]] = {}
    for tenant_id, subject, page in staged.pages:
        pages_of.setdefault((tenant_id, subject), []).append(page)
    for ref, basis in bases.items():
        wanted = [] if ref in cache.pages else [PAGES_FIELD]
        if basis is not None:
            with_state = basis.plan.stocks_of_moments
            names = (cells_of_page(page, basis.zone, with_state=with_state) for page in pages_of[ref])
            known = cache.cells.get(ref, {})
            wanted += dict.fromkeys(name for some in names for name in some if name not in known)
        yield ref, wanted


def _post(staged: Staged, held: ScoreboardHeld, bases: Bases, cache: _Cache, commit: ScoreboardCommit) -> int:
    """Fills the commit; returns how many page entries it writes."""
    sheets: dict[RepRef, Sheet | None] = {
        ref: None if basis is None else Sheet(basis.plan, basis.zone) for ref, basis in bases.items()
    }
    posting = Posting(commit, sheets, cache.cells)
    fresh: dict[RepRef, list[str]] = {}
    for page_ref, entries in staged.pages.items():
        ref = page_ref[:2]
        posting.turn(page_ref, entries, held.pages[page_ref])
        if ref in bases and page_ref[2] not in cache.pages[ref]:
            fresh.setdefault(ref, []).append(page_ref[2])
    posting.close()
    for ref, pages in fresh.items():
        cache.pages[ref].update(pages)
        commit.cells.setdefault(ref, {})[PAGES_FIELD] = encode_pages(sorted(cache.pages[ref]))
    return posting.written
