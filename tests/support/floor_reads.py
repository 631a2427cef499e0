"""What the aggregator's stages left on their fakes, as the api reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from services.api.ports import HeldPages
from shared.contracts.messages import decode_entry
from shared.domain.cells import CellQuery, SubjectCells
from shared.domain.facts import PageEntry
from tests.support.aggregator_stores import InMemoryScoreboardStore


class FloorScoreboard:
    """A Scoreboard on the store in memory. ``between`` runs after each reading: what happens before pages are read."""

    def __init__(self, store: InMemoryScoreboardStore, between: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._between = between
        self.asked: list[Mapping[str, CellQuery]] = []

    async def read(self, tenant: str, wanted: Mapping[str, CellQuery]) -> dict[str, SubjectCells]:
        """Only what was asked for."""
        self.asked.append(wanted)
        found = {rep: _only(self._store.subject_cells(rep, tenant), query) for rep, query in wanted.items()}
        self._between()
        return found


class FloorPages:
    """Pages on the store in memory."""

    def __init__(self, store: InMemoryScoreboardStore) -> None:
        self._store = store
        self.asked: list[Mapping[str, Sequence[str] | None]] = []

    async def held(self, tenant: str, wanted: Mapping[str, Sequence[str] | None]) -> dict[str, HeldPages]:
        """See the port."""
        self.asked.append(wanted)
        return {
            rep: HeldPages(self._store.versions[tenant, rep], self._pages(tenant, rep, p)) for rep, p in wanted.items()
        }

    async def entries(self, tenant: str, rep: str, pages: Iterable[str]) -> list[PageEntry]:
        """See the port."""
        return [entry for held in self._pages(tenant, rep, list(pages)).values() for entry in held.values()]

    def _pages(self, tenant: str, rep: str, names: Sequence[str] | None) -> dict[str, dict[str, PageEntry]]:
        return {
            page: {fact_id: decode_entry(packed) for fact_id, packed in entries.items()}
            for (owner, subject, page), entries in self._store.pages_held.items()
            if (owner, subject) == (tenant, rep) and (names is None or page in names)
        }


def _only(cells: SubjectCells, query: CellQuery) -> SubjectCells:
    return replace(
        cells,
        cells={name: cell for name, cell in cells.cells.items() if name in query.cells},
        values={place: values for place, values in cells.values.items() if place in query.values},
        numbers={place: numbers for place, numbers in cells.numbers.items() if place in query.numbers},
    )
