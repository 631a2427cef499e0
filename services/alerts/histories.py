"""The past days of reps, for rules that judge what is likely: kept between judgements, as they hardly ever change."""

from __future__ import annotations

from datetime import date

from msgspec import Struct

from services.alerts.floor import Floor
from shared.domain.cells import CellQuery, SubjectCells
from shared.domain.instants import SECOND_US, Micros
from shared.domain.periods import local_day
from shared.domain.readings import Readings

KEPT_US = 60 * SECOND_US
"""A late event may change a past day: as often as everybody is judged, histories are read again."""


class _Kept(Struct, frozen=True):
    readings: Readings
    today: date
    read_at: Micros
    cells: SubjectCells

    def holds(self, today: date, now: Micros) -> bool:
        """Whether it need not be read again."""
        return self.today == today and now - self.read_at < KEPT_US


class Histories:
    """By tenant and rep; only of the KPIs that some rule foresees."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], _Kept] = {}

    def lacking(self, floor: Floor, rep: str, now: Micros) -> CellQuery:
        """What has to be read of a rep beside her numbers; nothing while it is known."""
        known, today = self._kept.get((floor.tenant.id, rep)), _today(floor, rep, now)
        if known is not None and known.readings is floor.readings and known.holds(today, now):
            return CellQuery()
        return floor.readings.history_query(floor.foreseen, today)

    def take(self, floor: Floor, rep: str, cells: SubjectCells, now: Micros) -> None:
        """Keeps what was read for ``lacking``: the same object while nothing in it changed."""
        wanted = floor.readings.history_query(floor.foreseen, today := _today(floor, rep, now))
        definitions = {kpi.definition for kpi in floor.foreseen}
        days = {
            name: {definition: own for definition, own in cell.items() if definition in definitions}
            for name, cell in cells.cells.items()
            if name in wanted.cells
        }
        found, known = SubjectCells(0, days), self._kept.get((floor.tenant.id, rep))
        history = known.cells if known is not None and known.cells == found else found
        self._kept[floor.tenant.id, rep] = _Kept(floor.readings, today, now, history)

    def of(self, floor: Floor, rep: str) -> SubjectCells:
        """What is known of a rep's past days."""
        known = self._kept.get((floor.tenant.id, rep))
        return SubjectCells() if known is None else known.cells


def _today(floor: Floor, rep: str, now: Micros) -> date:
    return local_day(now, floor.tenant.organisation.reps[rep].zone)
