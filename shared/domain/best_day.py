"""The best day of the last 90: what decides that a target is unreachable. Contract 4.10."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from operator import is_

from shared.domain.calendar import Calendar, length
from shared.domain.cells import SubjectCells, day_cell
from shared.domain.exact import CONTEXT, ZERO
from shared.domain.instants import SECOND_US
from shared.domain.kpis import Aggregate, Kpi
from shared.domain.people import Rep

HISTORY_DAYS = 90
"""How far back the best day is looked for that decides what is unreachable."""
_HOUR_US = 3600 * SECOND_US


def days_before(today: date) -> Iterator[date]:
    """The days among which the best is looked for."""
    return (today - timedelta(days=n) for n in range(1, HISTORY_DAYS + 1))


class BestDays:
    """The most that one day gave per working hour, by version of a KPI and whose cells they are.

    ``keeps``: the caller passes the same history objects again while nothing in them changed, so that each best day
    is looked for once; they are held for that.
    """

    def __init__(self, calendar: Calendar, *, keeps: bool) -> None:
        self._calendar = calendar
        self._keeps = keeps
        self._known: dict[tuple[str, ...], tuple[date, list[SubjectCells], Decimal | None]] = {}

    def hourly(
        self, kpi: Kpi, histories: Iterable[tuple[Rep, SubjectCells]], *, subject: Rep | None, today: date
    ) -> Decimal | None:
        """None without a day that gave anything. ``subject`` is whose hours count, None for the tenant's."""
        if not kpi.prorated:
            return None
        chosen = list(histories)
        members = [cells for _, cells in chosen]
        if not self._keeps:
            return self._work_out(kpi, members, subject, today)
        place = (kpi.definition, "" if subject is None else subject.zone, *(rep.id for rep, _ in chosen))
        known = self._known.get(place)
        if known is None or known[0] != today or not all(map(is_, known[1], members)):
            known = self._known[place] = (today, members, self._work_out(kpi, members, subject, today))
        return known[2]

    def _work_out(self, kpi: Kpi, members: Sequence[SubjectCells], subject: Rep | None, today: date) -> Decimal | None:
        hourly = []
        for day in days_before(today):
            value = _day_value(kpi, members, day_cell(day))
            worked = length(self._calendar.spans(subject, day)) if value else 0
            if value and worked:
                hourly.append(CONTEXT.divide(CONTEXT.multiply(value, Decimal(_HOUR_US)), Decimal(worked)))
        return max(hourly, default=None)


def _day_value(kpi: Kpi, members: Iterable[SubjectCells], name: str) -> Decimal:
    """What one day gave a prorated KPI; looks at its own definition alone, as this is asked 90 times a reading."""
    if kpi.aggregate is Aggregate.DISTINCT:
        united = frozenset[str]().union(*(cells.values.get((kpi.definition, name), ()) for cells in members))
        return Decimal(len(united))
    found = [own for cells in members if (own := cells.cells.get(name, {}).get(kpi.definition)) is not None]
    if kpi.aggregate is Aggregate.COUNT:
        return Decimal(sum(own.count for own in found))
    total = ZERO
    for own in found:
        total = CONTEXT.add(total, own.total)
    return total
