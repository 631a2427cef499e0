"""Restatements: readings of closed periods that changed. From, to, when, and because of which event.

Marks hold what closed cells were before a day's late changes. From them and from what the cells are now follows what
each day's late changes did to the readings of every period that was over by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from shared.domain.accumulators import Accumulator
from shared.domain.cells import CellQuery, SubjectCells, base_kpis, first_day
from shared.domain.instants import Micros
from shared.domain.kpis import RANKED, Aggregate, Kpi
from shared.domain.people import Rep
from shared.domain.periods import Period, PeriodKind
from shared.domain.readings import Readings

RESTATEMENTS_KEPT = 500
"""Of each rep, the last ones."""
_OF_DAYS, _OF_MONTHS = (PeriodKind.DAY, PeriodKind.WEEK), (PeriodKind.MONTH, PeriodKind.QUARTER, PeriodKind.YEAR)


class RestatementReason(StrEnum):
    """What made a closed period change."""

    EVENT = "event"
    CONFIGURATION = "configuration"


class Cause(Struct, array_like=True, frozen=True):
    """Why a closed period changed. ``at``: when the event was received, or the configuration accepted.

    fact: the id of the fact that changed, which names the record, empty for a rep who was folded anew. event: the id of
    the event that changed it, empty for an edit of the configuration. position: where the log has that event.
    """

    at: Micros
    fact: str = ""
    event: str = ""
    position: int = 0

    @property
    def reason(self) -> RestatementReason:
        """An event, or an edit."""
        return RestatementReason.EVENT if self.event else RestatementReason.CONFIGURATION


class Restatement(Struct, frozen=True):
    """One reading of a rep's closed period that changed: its value before and after, rounded as readings show it.

    ``period``: kind and id.
    """

    rep: str
    kpi: str
    definition: str
    period: tuple[str, str]
    before: Decimal | None
    after: Decimal | None
    cause: Cause


Causes: TypeAlias = dict[date, dict[str, Cause]]
"""By local day and definition."""


class CountedCells(Struct, frozen=True):
    """Cells of a rep by name; values by (definition, cell) with how many facts have them.

    ``retained_from``: as in SubjectCells.
    """

    cells: Mapping[str, Mapping[str, Accumulator]] = {}
    values: Mapping[tuple[str, str], Mapping[str, int]] = {}
    retained_from: Micros = 0


class RepMarks(Struct):
    """A rep's marks, all by the day on which the late events were received.

    cells: what they were, by cell. causes: by local day and definition. values: by cell and definition, by how many
    more facts have a value since. version: the rep's, when the last was made.
    """

    version: int
    cells: dict[tuple[date, str], Mapping[str, Accumulator]]
    causes: dict[tuple[date, date, str], Cause]
    values: dict[tuple[date, str, str], dict[str, int]]

    @property
    def days(self) -> list[date]:
        """The days on which late events were received, in order."""
        return sorted({received_on for received_on, _ in self.cells})

    def caused(self, received_on: date, day: date, cause: Cause, definitions: Iterable[str]) -> None:
        """Notes a cause where there is none earlier."""
        for definition in definitions:
            place = (received_on, day, definition)
            self.causes[place] = min(cause, self.causes.get(place, cause), key=_first)

    def closed(self, readings: Readings, received_on: date) -> list[Period]:
        """The periods over by a day that what was received on it may have changed, the shortest first."""
        return closed_periods(readings, (cell for on, cell in self.cells if on == received_on), received_on)

    def query(self, readings: Readings) -> CellQuery:
        """All that has to be read to tell what became of the readings."""
        periods = dict.fromkeys(period for day in self.days for period in self.closed(readings, day))
        queries = [readings.query_rep(asked_of(readings, period), period) for period in periods]
        return CellQuery(
            frozenset().union(*(query.cells for query in queries)),
            frozenset().union(*(query.values for query in queries)),
            frozenset().union(*(query.numbers for query in queries)),
        )

    def before(self, readings: Readings, current: CountedCells, day: date) -> SubjectCells:
        """What the rep's cells were before anything that was received on a day or later."""
        cells, counted = dict(current.cells), {place: dict(known) for place, known in current.values.items()}
        for (received_on, cell), was in sorted(self.cells.items(), key=lambda each: each[0], reverse=True):
            if received_on >= day:
                cells[cell] = was
        for (received_on, cell, definition), deltas in self.values.items():
            if received_on >= day:
                known = counted.setdefault((definition, cell), {})
                for value, delta in deltas.items():
                    known[value] = known.get(value, 0) - delta
        return subject_cells(readings, CountedCells(cells, counted, current.retained_from))

    def causes_on(self, received_on: date) -> Causes:
        """What was received on a day, by local day."""
        found: Causes = {}
        for (on, day, definition), cause in self.causes.items():
            if on == received_on:
                found.setdefault(day, {})[definition] = cause
        return found

    def cause(self, causes: Causes, period: Period, definitions: frozenset[str]) -> Cause:
        """The first of a day's late changes that may have changed a number; of so many that not all were kept, any."""
        of_period = [caused for day in period.days() if (caused := causes.get(day)) is not None]
        exact = [caused[name] for caused in of_period for name in definitions if name in caused]
        some = exact or [cause for caused in of_period for cause in caused.values()] or list(self.causes.values())
        return min(some or [Cause(0)], key=_first)


def _first(cause: Cause) -> tuple[Micros, int]:
    return cause.at, cause.position


def restatements(readings: Readings, rep: Rep, marks: RepMarks, current: CountedCells) -> Iterator[Restatement]:
    """What became of the readings of closed periods, day by day of receipt, short periods before long ones."""
    days = marks.days
    for number, received_on in enumerate(days):
        before = marks.before(readings, current, received_on)
        following = days[number + 1] if number + 1 < len(days) else date.max
        after = marks.before(readings, current, following)
        causes = marks.causes_on(received_on)
        for period in marks.closed(readings, received_on):
            for kpi, was, now in changed(readings, rep, period, before, after):
                versions = readings.definitions.on(period.first)
                bases = frozenset(base.definition for base in base_kpis(kpi, versions))
                cause = marks.cause(causes, period, bases)
                yield Restatement(rep.id, kpi.id, kpi.definition, (period.kind.value, period.id), was, now, cause)


def closed_periods(readings: Readings, cells: Iterable[str], on: date) -> list[Period]:
    """The periods over by a day that some cells are part of, the shortest first."""
    rules, found = readings.tenant.calendar.periods, dict[Period, None]()
    for cell in cells:
        kinds = _OF_DAYS if cell.startswith("d") else _OF_MONTHS
        day = first_day(cell)
        found |= dict.fromkeys(rules.containing(kind, day) for kind in kinds)
    order = list(PeriodKind)
    return sorted((period for period in found if period.last < on), key=lambda p: (order.index(p.kind), p.first))


def changed(
    readings: Readings, rep: Rep, period: Period, before: SubjectCells, after: SubjectCells
) -> Iterator[tuple[Kpi, Decimal | None, Decimal | None]]:
    """The KPIs whose value in a closed period differs, with both; stocks have none."""
    kpis = asked_of(readings, period)
    was, now = readings.closed_values(rep, kpis, period, before), readings.closed_values(rep, kpis, period, after)
    return (each for each in zip(kpis, was, now, strict=True) if each[1] != each[2])


def asked_of(readings: Readings, period: Period) -> list[Kpi]:
    """The KPIs that have a value in a closed period, as it uses them."""
    return [kpi for kpi in readings.definitions.on(period.first).values() if kpi.aggregate is not Aggregate.LATEST]


def subject_cells(readings: Readings, counted: CountedCells) -> SubjectCells:
    """As readings take them."""
    ranked = {kpi.definition for kpi in readings.tenant.kpis.values() if kpi.aggregate in RANKED}
    present = {
        place: {value: facts for value, facts in known.items() if facts > 0} for place, known in counted.values.items()
    }
    values = {place: frozenset(known) for place, known in present.items() if place[0] not in ranked}
    numbers = {
        place: {Decimal(value): facts for value, facts in known.items()}
        for place, known in present.items()
        if place[0] in ranked
    }
    return SubjectCells(0, counted.cells, values, numbers, counted.retained_from)
