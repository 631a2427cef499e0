"""The last 90 days: the best of them decides what is unreachable, their rate what is likely. Contract 4.10 and 4.11."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from operator import is_

from msgspec import Struct

from shared.domain.calendar import Calendar, length
from shared.domain.cells import SubjectCells, day_cell
from shared.domain.count_model import Rate, Worked, rate_of
from shared.domain.exact import CONTEXT, ZERO
from shared.domain.instants import HOUR_US
from shared.domain.kpis import Aggregate, Kpi
from shared.domain.people import Rep

HISTORY_DAYS = 90
"""How far back the best day is looked for that decides what is unreachable."""


def days_before(today: date) -> Iterator[date]:
    """The days that are looked at, the latest first."""
    return (today - timedelta(days=n) for n in range(1, HISTORY_DAYS + 1))


class Recent(Struct, frozen=True):
    """What the last days tell of a KPI: the most that one gave per working hour, and the rate of what is counted.

    None where no day gave anything, or too few tell.
    """

    best_hourly: Decimal | None = None
    rate: Rate | None = None


UNKNOWN = Recent()


class RecentDays:
    """What the last days tell, by version of a KPI and whose cells they are.

    ``keeps``: the caller passes the same history objects again while nothing in them changed, so that each is
    looked at once; they are held for that.
    """

    def __init__(self, calendar: Calendar, *, keeps: bool) -> None:
        self._calendar = calendar
        self._keeps = keeps
        self._known: dict[tuple[str, ...], tuple[date, list[SubjectCells], Recent]] = {}

    def of(
        self, kpi: Kpi, histories: Iterable[tuple[Rep, SubjectCells]], *, subject: Rep | None, today: date
    ) -> Recent:
        """``subject`` is whose hours count, None for the tenant's."""
        if not kpi.prorated:
            return UNKNOWN
        chosen = list(histories)
        members = [cells for _, cells in chosen]
        if not self._keeps:
            return self._work_out(kpi, members, subject, today)
        place = (kpi.definition, "" if subject is None else subject.zone, *(rep.id for rep, _ in chosen))
        known = self._known.get(place)
        if known is None or known[0] != today or not all(map(is_, known[1], members)):
            known = self._known[place] = (today, members, self._work_out(kpi, members, subject, today))
        return known[2]

    def _work_out(self, kpi: Kpi, members: Sequence[SubjectCells], subject: Rep | None, today: date) -> Recent:
        counts = kpi.aggregate is Aggregate.COUNT
        hourly, worked = [], []
        for age, day in enumerate(days_before(today), start=1):
            value = _day_value(kpi, members, day_cell(day))
            time = length(self._calendar.spans(subject, day)) if value or counts else 0
            if value and time:
                hourly.append(CONTEXT.divide(CONTEXT.multiply(value, Decimal(HOUR_US)), Decimal(time)))
            if counts:
                worked.append(Worked(age, int(value), time / HOUR_US))
        return Recent(max(hourly, default=None), rate_of(worked) if counts else None)


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
