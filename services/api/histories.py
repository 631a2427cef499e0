"""The days before today, kept between questions: they decide what is unreachable and hardly ever change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache

from msgspec import Struct

from services.api.ports import Scoreboard
from shared.domain.accumulators import Accumulator
from shared.domain.cells import CellQuery, SubjectCells
from shared.domain.readings import Readings

MOST_REPS = 1_000
"""About 60 kB each: the cells of ninety days, equal accumulators shared."""
STALE_SECONDS = 3.0
"""A late event may change a past day: after any change of the rep's numbers her history is read again, but an
active rep's not more often than this."""


class Kept(Struct, frozen=True):
    """A history as it was read."""

    readings: Readings
    today: date
    read_at: float
    version: int
    cells: SubjectCells


class Found(Struct, frozen=True):
    """Cells and histories by rep id; a history is the same object for as long as nothing in it changed."""

    cells: Mapping[str, SubjectCells]
    histories: Mapping[str, SubjectCells]


class Histories:
    """Reads cells together with the histories that are not known; ``monotonic`` in seconds."""

    def __init__(self, scoreboard: Scoreboard, monotonic: Callable[[], float]) -> None:
        self._scoreboard = scoreboard
        self._monotonic = monotonic
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()

    async def read(self, readings: Readings, wanted: Mapping[str, CellQuery], today: Mapping[str, date]) -> Found:
        """The wanted cells and each rep's history: one round trip, two where a known one has changed.

        Raises: TransientError.
        """
        tenant, asked_at = readings.tenant.id, self._monotonic()
        known = {rep: kept for rep in wanted if (kept := self._known(readings, rep, today[rep])) is not None}
        queries = {
            day: readings.history_query(tuple(readings.tenant.kpis.values()), day) for day in set(today.values())
        }
        missing = {rep: queries[today[rep]] for rep in wanted if rep not in known}
        cells = await self._scoreboard.read(tenant, {rep: q | missing.get(rep, q) for rep, q in wanted.items()})
        fresh = {rep: cells[rep] for rep in missing}
        changed = {
            rep: queries[today[rep]]
            for rep, kept in known.items()
            if kept.version != cells[rep].version and asked_at - kept.read_at > STALE_SECONDS
        }
        if changed:
            fresh |= await self._scoreboard.read(tenant, changed)
        for rep, found in fresh.items():
            history = _unless_equal(_only(found, queries[today[rep]]), known.get(rep))
            known[rep] = Kept(readings, today[rep], asked_at, found.version, history)
            self._keep((tenant, rep), known[rep])
        return Found(cells, {rep: known[rep].cells for rep in wanted})

    def _known(self, readings: Readings, rep: str, today: date) -> Kept | None:
        kept = self._kept.get((readings.tenant.id, rep))
        return kept if kept is not None and kept.readings is readings and kept.today == today else None

    def _keep(self, place: tuple[str, str], kept: Kept) -> None:
        self._kept[place] = kept
        self._kept.move_to_end(place)
        while len(self._kept) > MOST_REPS:
            self._kept.popitem(last=False)


def _only(cells: SubjectCells, query: CellQuery) -> SubjectCells:
    days = {
        name: {definition: _shared(own.count, str(own.total)) for definition, own in cell.items()}
        for name, cell in cells.cells.items()
        if name in query.cells
    }
    return SubjectCells(0, days, {k: values for k, values in cells.values.items() if k in query.values})


def _unless_equal(history: SubjectCells, kept: Kept | None) -> SubjectCells:
    """The object that is known already where nothing in it changed: what was worked out from it still holds."""
    return kept.cells if kept is not None and kept.cells == history else history


@lru_cache(maxsize=65_536)
def _shared(count: int, total: str) -> Accumulator:
    return Accumulator(count, Decimal(total))
