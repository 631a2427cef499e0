"""What an edit of KPIs, rates or zones does to the readings of a rep's closed periods."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from shared.domain.cells import STATE_CELL, base_kpis
from shared.domain.kpis import Kpi
from shared.domain.people import Rep
from shared.domain.periods import Period
from shared.domain.readings import Readings
from shared.domain.restatements import Cause, CountedCells, Restatement, asked_of, closed_periods, subject_cells


def edited(
    old: tuple[Readings, CountedCells], new: tuple[Readings, CountedCells], rep: Rep, today: date, cause: Cause
) -> Iterator[Restatement]:
    """What an edit does to the closed periods of a rep's old cells, short periods before long ones.

    A KPI that comes or goes restates nothing. ``today``: on the rep's wall, when the edit was accepted.
    """
    (former, was), (now, is_now) = old, new
    places = set(_differing(was, is_now))
    before, after = (subject_cells(readings, cells) for readings, cells in (old, new))
    definitions = {definition for _, definition in places}
    cells = {cell for cell, _ in places}
    if _names(former) != _names(now):  # a period may use another version, and both be what they were
        cells |= {*_kept(was), *_kept(is_now)}
    for period in closed_periods(now, cells, today):
        known = {kpi.id: kpi for kpi in asked_of(former, period)}
        kpis = [kpi for kpi in asked_of(now, period) if kpi.id in known]
        kpis = [kpi for kpi in kpis if _may_differ(former, now, period, known[kpi.id], kpi, definitions)]
        values = former.closed_values(rep, [known[kpi.id] for kpi in kpis], period, before)
        for kpi, then, since in zip(kpis, values, now.closed_values(rep, kpis, period, after), strict=True):
            if then != since:
                yield Restatement(rep.id, kpi.id, kpi.definition, (period.kind.value, period.id), then, since, cause)


def _names(readings: Readings) -> set[str]:
    """Every version of every KPI."""
    return {kpi.definition for kpi in readings.tenant.kpis.values()}


def _kept(counted: CountedCells) -> Iterator[str]:
    """The cells of some time that hold anything."""
    return (cell for cell in (*counted.cells, *(cell for _, cell in counted.values)) if cell != STATE_CELL)


def _differing(was: CountedCells, is_now: CountedCells) -> Iterator[tuple[str, str]]:
    """Where they differ: cell and definition. What holds now is no period's."""
    for cell in {**was.cells, **is_now.cells}.keys() - {STATE_CELL}:
        old, new = was.cells.get(cell, {}), is_now.cells.get(cell, {})
        if old != new:
            yield from ((cell, name) for name in {**old, **new} if old.get(name) != new.get(name))
    for place in {**was.values, **is_now.values}:
        definition, cell = place
        if cell != STATE_CELL and was.values.get(place, {}) != is_now.values.get(place, {}):
            yield cell, definition


def _may_differ(former: Readings, now: Readings, period: Period, old: Kpi, new: Kpi, definitions: set[str]) -> bool:
    """Whether a KPI is read otherwise, or from something that differs."""
    bases = [base_kpis(kpi, by.definitions.on(period.first)) for by, kpi in ((former, old), (now, new))]
    return old != new or bases[0] != bases[1] or any(base.definition in definitions for some in bases for base in some)
