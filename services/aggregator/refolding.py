"""After a change of KPIs, rates, zones or reps: a rep's cells are folded anew from her pages, all at once.

Every rep's footing is stored beside her cells. While it is not what is configured, chunks are counted under the old
footing if this worker still knows what it stood for; else she is folded anew before they are. Cells of two footings
never mix: each fold anew raises a number that every commit has to know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from msgspec import Struct

from services.aggregator.domain.footing import NOBODY, Basis, Floors, decode_footing
from services.aggregator.domain.pages import Folded, Sheet, cells_of_page
from services.aggregator.domain.stored import Refold, RepRef
from services.aggregator.edited_readings import EditedReadings
from services.aggregator.ports import Catalogue, ScoreboardStore, Settlement
from shared.contracts.messages import encode_cell
from shared.domain.amounts import currency_of
from shared.domain.facts import Fact, PageEntry
from shared.errors import TransientError

Bases: TypeAlias = Mapping[RepRef, Basis | None]
"""What reps are counted under; None: no rep, pages without cells."""
SLICE_FACTS, PAGE_FACTS = 1_500, 20
"""Some 20 ms of work: as long as a chunk may have to wait for it. A page costs as much as so many facts."""
PAGES_AT_ONCE = 32
BASES_KEPT = 10_000
"""Footings of former configurations that chunks may still be counted under."""


class MovedOn(TransientError):
    """Another worker wrote to the partition meanwhile."""

    reason = "moved_on"


class Standing(Struct):
    """A partition's footings as stored, and how often a rep was folded anew."""

    refolds: int
    footings: dict[RepRef, str]
    settled: int = -1
    """The generation that all footings are of."""
    suspects: set[RepRef] = set()
    """Reps whose cells are not the fold of their pages."""


class Fold(Struct, frozen=True):
    """A rep's cells and values folded from her pages, and what that cost, in facts.

    ``refold.gone`` are all places at which values may be kept of facts of these pages.
    """

    refold: Refold
    cost: int


class Refolding:
    """Knows what the cells of a partition's reps are folded under, and folds them anew when it is outdated."""

    def __init__(
        self,
        store: ScoreboardStore,
        catalogue: Catalogue,
        edits: EditedReadings,
        *,
        refolded: Callable[[int, RepRef], object],
    ) -> None:
        """``refolded`` is told of each partition and rep whose cells were put in place anew."""
        self._store = store
        self._edits = edits
        self._catalogue = catalogue
        self._refolded = refolded
        self._standings: dict[int, Standing] = {}
        self._bases: dict[str, Basis | None] = {}
        self._floors = Floors(-1, {})

    def floors(self) -> Floors:
        """The reps as configured now; the same object until the configuration changes."""
        if self._floors.generation != self._catalogue.generation:
            if len(self._bases) > BASES_KEPT:
                self._bases.clear()
            self._bases |= self._floors.bases
            self._floors = Floors(self._catalogue.generation, self._catalogue.tenants)
        return self._floors

    async def standing(self, partition: int) -> Standing:
        """The partition's footings. Raises: TransientError."""
        known = self._standings.get(partition)
        if known is None:
            known = self._standings[partition] = Standing(*await self._store.footings(partition))
        return known

    async def bases(self, partition: int, refs: Iterable[RepRef]) -> tuple[int, Bases]:
        """What the cells of these reps are folded under by now, and how often any was folded anew by then.

        Raises: TransientError.
        """
        floors, standing = self.floors(), await self.standing(partition)
        found: dict[RepRef, Basis | None] = {}
        for ref in refs:
            wanted, footing = floors.footing(ref), standing.footings.get(ref)
            if footing != wanted and (footing is None or footing not in self._bases):
                await self._refold(partition, ref, standing, floors)
                footing = wanted
            found[ref] = floors.bases[wanted] if footing == wanted else self._bases[footing or NOBODY]
        return standing.refolds, found

    async def settle(self, partition: int) -> Settlement:
        """Folds some reps anew. Raises: TransientError."""
        floors, standing = self.floors(), await self.standing(partition)
        if standing.settled == floors.generation and not standing.suspects:
            return Settlement(0, generation=floors.generation)
        stale = [ref for ref, footing in standing.footings.items() if floors.footing(ref) != footing]
        stale += standing.suspects.difference(stale)
        cost, done = 0, 0
        while done < len(stale) and cost < SLICE_FACTS:
            cost += await self._refold(partition, stale[done], standing, floors)
            done += 1
        if done == len(stale):
            standing.settled = floors.generation
        return Settlement(len(stale) - done, done, floors.generation)

    def void(self, partition: int) -> None:
        """Forgets the partition."""
        self._standings.pop(partition, None)

    async def reps(self, partition: int) -> list[RepRef]:
        """Reps of the partition who have cells. Raises: TransientError."""
        return [ref for ref, footing in (await self.standing(partition)).footings.items() if footing != NOBODY]

    async def fold(self, partition: int, ref: RepRef) -> Fold | None:
        """What her cells have to be, from her pages as they are now; None while she has yet to follow an edit.

        Raises: TransientError.
        """
        floors, standing = self.floors(), await self.standing(partition)
        if standing.footings.get(ref) != floors.footing(ref):
            return None
        return await self._fold(partition, ref, standing, floors)

    async def suspect(self, partition: int, ref: RepRef) -> None:
        """Has her folded anew by the next ``settle``. Raises: TransientError."""
        (await self.standing(partition)).suspects.add(ref)

    async def _refold(self, partition: int, ref: RepRef, standing: Standing, floors: Floors) -> int:
        """Returns what it cost, in facts."""
        fold, footing = await self._fold(partition, ref, standing, floors), standing.footings.get(ref, NOBODY)
        fold.refold.terms = self._edits.terms(ref, fold.refold.footing)
        if footing != fold.refold.footing:
            fold.refold.told = await self._edits.told(partition, fold.refold, footing)
        if not await self._store.refold(partition, fold.refold):
            self.void(partition)
            raise MovedOn("another worker wrote to the partition: look again")
        standing.refolds += 1
        standing.footings[ref] = fold.refold.footing
        standing.suspects.discard(ref)
        self._refolded(partition, ref)
        return fold.cost

    async def _fold(self, partition: int, ref: RepRef, standing: Standing, floors: Floors) -> Fold:
        wanted = floors.footing(ref)
        position, pages = await self._store.pages(partition, ref)
        folding = _Refolding(ref, floors.bases[wanted])
        for start in range(0, len(pages), PAGES_AT_ONCE):
            some = pages[start : start + PAGES_AT_ONCE]
            for page, entries in zip(some, await self._store.entries(partition, ref, some), strict=True):
                folding.take(page, entries)
        refold = folding.result(position, standing.refolds, wanted)
        refold.gone.extend(_values_of(standing.footings.get(ref, NOBODY), pages))
        return Fold(refold, folding.facts + PAGE_FACTS * len(pages))


class _Refolding:
    """One rep's fold, page by page."""

    def __init__(self, ref: RepRef, basis: Basis | None) -> None:
        self._ref = ref
        self._sheet = None if basis is None else Sheet(basis.plan, basis.zone)
        self._folded = "" if basis is None else basis.plan.folded
        self._unconverted: dict[str, str | None] = {}
        self.facts = 0

    def take(self, page: str, entries: dict[str, PageEntry]) -> None:
        """Counts a page."""
        facts: list[Fact] = []
        for fact_id, entry in entries.items():
            fact = entry.fact
            if fact is not None:
                facts.append(fact)
                if currency_of(fact) is not None:
                    currency = None if self._sheet is None else self._sheet.unconverted(fact)
                    self._unconverted["/".join((*self._ref, page, fact_id))] = currency
        if self._sheet is not None:
            self._sheet.count(facts, 1)
        self.facts += len(facts)

    def result(self, position: int, refolds: int, footing: str) -> Refold:
        """What to put in place of her cells and values."""
        folded = Folded({}, {})
        for name, tallied in () if self._sheet is None else self._sheet.cells():
            folded.take(name, tallied)
        cells = {name: encode_cell(cell) for name, cell in folded.cells.items() if cell}
        values = {ref: found for ref, found in folded.values.items() if found}
        return Refold(self._ref, position, refolds, footing, cells, values, self._unconverted, folded=self._folded)


def _values_of(footing: str, pages: Iterable[str]) -> list[tuple[str, str]]:
    """Wherever values may be kept of facts of these pages."""
    old = decode_footing(footing)
    if old is None or not old.keeping:
        return []
    cells = dict.fromkeys(cell for page in pages for cell in cells_of_page(page, old.zone, with_state=True))
    return [(definition, cell) for definition in old.keeping for cell in cells]
