"""The scoreboard's daily sweep: old pages are packed, pages older than ``retention_days`` go with all they count.

Subject by subject, in slices between chunks. What is done to one subject is one step in the store, fenced like a fold
anew: on the position that her pages were read at, and by the number that every commit has to know, so that no worker
takes a page to be in the form that it had before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from msgspec import Struct

from services.aggregator.domain.ageing import UNSWEPT, Aged, Swept, SweptKind, aged
from services.aggregator.domain.stored import RepRef, ScoreboardWanted, Shelf, Sweep
from services.aggregator.expiry import cells_to_see, expiry
from services.aggregator.ports import Catalogue, ScoreboardStore
from services.aggregator.refolding import MovedOn, Refolding
from services.aggregator.sweep_rounds import SweepRounds
from shared.contracts.keys import PACKED_FIELD
from shared.contracts.messages import encode_entry, encode_pages
from shared.contracts.packed_pages import pack_page, words_of
from shared.domain.facts import PageEntry
from shared.domain.instants import Micros

SLICE_FACTS, SUBJECT_FACTS = 1_000, 5
"""Some 20 ms of work: as long as a chunk may have to wait for it. A subject costs as much as so many facts."""
PAGES_AT_ONCE = 16

Pages: TypeAlias = Mapping[str, Mapping[str, PageEntry]]
"""Entries by fact id, by page."""


class _Round(Struct):
    """A partition's sweep that is under way: as of when, and who is still to come."""

    began: Micros
    todo: list[RepRef]


class _Tally(Struct):
    """What a slice did, and what that cost in facts."""

    counts: Counter[SweptKind]
    cost: int = 0
    plain_bytes: int = 0
    packed_bytes: int = 0

    def packed(self, sweep: Sweep, pages: Pages) -> None:
        """Pages were packed."""
        self.counts[SweptKind.PAGE_PACKED] += len(pages)
        self.packed_bytes += sum(map(len, sweep.packed.values()))
        for entries in pages.values():
            self.plain_bytes += sum(len(fact_id) + len(encode_entry(entry)) for fact_id, entry in entries.items())
            self.cost += len(entries)

    def expired(self, pages: Pages) -> None:
        """Pages went."""
        self.counts[SweptKind.PAGE_EXPIRED] += len(pages)
        for entries in pages.values():
            self.counts[SweptKind.FACT_EXPIRED] += sum(entry.fact is not None for entry in entries.values())
            self.cost += len(entries)

    def swept(self, *, completed: Micros | None) -> Swept:
        """For metrics."""
        return Swept(completed is None, dict(self.counts), self.plain_bytes, self.packed_bytes, completed)


class Sweeping:
    """Sweeps the scoreboard's partitions."""

    def __init__(
        self,
        store: ScoreboardStore,
        refolding: Refolding,
        *,
        catalogue: Catalogue,
        rounds: SweepRounds,
        ripen: Callable[[int, RepRef], Awaitable[None]],
        swept: Callable[[int, RepRef], object],
    ) -> None:
        """``ripen``: does what still needs a subject's cells as they are, before something goes from them.

        ``swept`` is told of each partition and subject whose pages or cells are no longer what they were.
        """
        self._store = store
        self._refolding = refolding
        self._catalogue = catalogue
        self._rounds = rounds
        self._ripen = ripen
        self._swept = swept
        self._running: dict[int, _Round] = {}

    async def sweep(self, partition: int) -> Swept:
        """One slice. Raises: TransientError; what was not done comes again."""
        running = self._running.get(partition)
        if running is None:
            began = await self._rounds.due(partition)
            if began is None:
                return UNSWEPT
            standing = await self._refolding.standing(partition)
            running = self._running[partition] = _Round(began, list(standing.footings))
        tally = _Tally(Counter())
        while running.todo and tally.cost < SLICE_FACTS:
            if not await self._step(partition, running.todo[-1], running.began, tally):
                running.todo.pop()
        if running.todo:
            return tally.swept(completed=None)
        await self._rounds.complete(partition, running.began)
        self._running.pop(partition, None)
        return tally.swept(completed=running.began)

    def void(self, partition: int) -> None:
        """Forgets the partition; a sweep begins again."""
        self._running.pop(partition, None)
        self._rounds.void(partition)

    async def _step(self, partition: int, ref: RepRef, now: Micros, tally: _Tally) -> bool:
        """Some pages of a subject; False if there was nothing left to do."""
        tally.cost += SUBJECT_FACTS
        shelf = await self._store.shelf(partition, ref)
        old = self._aged(ref, shelf, now)
        some = (old.expired or old.ripe)[:PAGES_AT_ONCE]
        standing = await self._refolding.standing(partition)
        if not some or (old.expired and standing.footings.get(ref) != self._refolding.floors().footing(ref)):
            return False  # an edit came in between: the next sweep finds her settled
        pages = dict(zip(some, await self._store.entries(partition, ref, some), strict=True))
        sweep = await self._expiry(partition, ref, shelf, pages) if old.expired else _packing(ref, shelf, pages)
        sweep.refolds = standing.refolds
        if not await self._store.sweep(partition, sweep):
            raise MovedOn("another worker wrote to the partition: look again")
        standing.refolds += 1
        self._swept(partition, ref)
        if old.expired:
            tally.expired(pages)
        else:
            tally.packed(sweep, pages)
        return True

    def _aged(self, ref: RepRef, shelf: Shelf, now: Micros) -> Aged:
        tenant = self._catalogue.tenants.get(ref[0])
        return aged(shelf.pages, shelf.packed, now, retention_days=None if tenant is None else tenant.retention_days)

    async def _expiry(self, partition: int, ref: RepRef, shelf: Shelf, pages: Pages) -> Sweep:
        await self._ripen(partition, ref)
        floors = self._refolding.floors()
        basis = floors.bases[floors.footing(ref)]
        names = cells_to_see(pages, basis)
        held = await self._store.read(partition, ScoreboardWanted({}, {ref: names}))
        return expiry(ref, basis, shelf, pages, dict(zip(names, held.cells[ref], strict=True)))


def _packing(ref: RepRef, shelf: Shelf, pages: Pages) -> Sweep:
    words = shelf.words or words_of(pages.values())
    return Sweep(
        ref,
        shelf.position,
        packed={page: pack_page(entries, words) for page, entries in pages.items()},
        words=words,
        cells={PACKED_FIELD: encode_pages(sorted({*shelf.packed, *pages}))},
    )
