"""Reads rolling periods: whole local days from cells, the edges from pages, both of one instant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from services.api.domain.edge_facts import counted_at_edges
from services.api.ports import HeldPages, Pages, Scoreboard
from shared.domain.accumulators import Tally
from shared.domain.cells import CellQuery, SubjectCells, base_kpis
from shared.domain.kpis import Better, Kpi
from shared.domain.pace import Situation
from shared.domain.people import Rep, Team
from shared.domain.reading import Moment, Reading, bounds_of, make_reading
from shared.domain.readings import Org, Readings
from shared.domain.rolling import RollingPeriod, edges, pages_of
from shared.domain.team_parts import Part, rolling_part
from shared.errors import TransientError

TRIES = 20
"""Cells and pages are read one after the other: so often a rep's numbers may change in between, some 2 ms."""
_UNASKED = Situation(over=False, better=Better.HIGHER, working_left_us=0)
"""No target applies to a rolling period, so that nothing else decides its standing."""


class NumbersMoving(TransientError):
    """A rep's numbers changed whenever they were read."""

    reason = "numbers_moving"


class Rolled(Struct, frozen=True):
    """One question: by whose readings, when, of which KPIs and which period."""

    readings: Readings
    moment: Moment
    kpis: Sequence[Kpi]
    period: RollingPeriod


class _Held(Struct, frozen=True):
    """A rep's cells and the pages of her edges, of one instant."""

    cells: SubjectCells
    pages: HeldPages


class RollingReadings:
    """Readings of rolling periods, of any number of reps in two round trips."""

    def __init__(self, scoreboard: Scoreboard, pages: Pages) -> None:
        self._scoreboard = scoreboard
        self._pages = pages

    async def of_reps(self, asked: Rolled, reps: Sequence[Rep]) -> list[Reading]:
        """Readings of several reps, one a KPI each. Raises: TransientError."""
        parts = [rolling_part(rep, asked.period) for rep in reps]
        held = await self._read(asked, parts)
        return [reading for part in parts for reading in _of_rep(asked, part, held[part.rep.id])]

    async def of_team(self, asked: Rolled, team: Team, *, org: Org, seen: Iterable[Rep]) -> list[Reading]:
        """A team's readings, and then those of each rep who is ``seen`` and has a part in them.

        Raises: TransientError.
        """
        parts = asked.readings.parts(team.id, asked.period, now=asked.moment.now, org=org)
        ids = {part.rep.id for part in parts}
        members = [rolling_part(rep, asked.period) for rep in seen if rep.id in ids]
        held = await self._read(asked, [*parts, *members])
        tally = Tally.empty()
        for part in parts:
            tally.take_tally(_tally(asked, part, held[part.rep.id]))
        version = sum(held[part.rep.id].cells.version for part in parts)
        seen_by = [(part, held[part.rep.id].cells) for part in parts]
        found = _readings(asked, tally, seen_by, zone=team.zone, version=version, team=team.id)
        return found + [reading for part in members for reading in _of_rep(asked, part, held[part.rep.id])]

    async def _read(self, asked: Rolled, parts: Iterable[Part]) -> Mapping[str, _Held]:
        """Cells and pages by rep id; who changed between the two is read again."""
        tenant, cells, pages = asked.readings.tenant.id, dict[str, CellQuery](), dict[str, list[str]]()
        for part in parts:
            rep, query = part.rep, asked.readings.query(asked.kpis, part.cells, asked.period.first)
            cells[rep.id] = cells.get(rep.id, CellQuery()) | query
            pages[rep.id] = pages_of(edges(asked.period, rep.zone))
        found: dict[str, _Held] = {}
        for _ in range(TRIES):
            left = [rep for rep in cells if rep not in found]
            if not left:
                return found
            numbers = await self._scoreboard.read(tenant, {rep: cells[rep] for rep in left})
            held = await self._pages.held(tenant, {rep: pages[rep] for rep in left})
            found |= {rep: _Held(numbers[rep], held[rep]) for rep in left if held[rep].version == numbers[rep].version}
        if len(found) < len(cells):
            raise NumbersMoving("numbers change faster than they can be read")
        return found


def _of_rep(asked: Rolled, part: Part, held: _Held) -> list[Reading]:
    tally = _tally(asked, part, held)
    seen_by = [(part, held.cells)]
    return _readings(asked, tally, seen_by, zone=part.rep.zone, version=held.cells.version, rep=part.rep.id)


def _tally(asked: Rolled, part: Part, held: _Held) -> Tally:
    """Everything of a rep's part: the cells of whole days, and the facts at the edges."""
    readings, first = asked.readings, asked.period.first
    versions = readings.definitions.on(first)
    bases = {base.definition: base for kpi in asked.kpis for base in base_kpis(kpi, versions)}
    tally = held.cells.tally(part.cells, readings.united(asked.kpis, first))
    spans = edges(asked.period, part.rep.zone)
    tally.take_tally(counted_at_edges(readings.tenant, bases.values(), part, held.pages.pages, spans))
    return tally


def _readings(
    asked: Rolled, tally: Tally, parts: Sequence[tuple[Part, SubjectCells]], *, zone: str, version: int, **subject: str
) -> list[Reading]:
    bounds, empty = bounds_of(asked.period, zone), Tally.empty()
    found = []
    for kpi in asked.kpis:
        whole = all(
            asked.readings.is_whole(kpi, asked.period, cells, part.start(asked.period)) for part, cells in parts
        )
        value = asked.readings.value(kpi, asked.period, tally, empty, is_now=False)
        found.append(
            make_reading(
                kpi,
                value if whole else None,
                None,
                _UNASKED,
                moment=asked.moment.seeing(whole=whole),
                bounds=bounds,
                version=version,
                **subject,
            )
        )
    return found
