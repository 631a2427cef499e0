"""From page entries to cells: a cell is a cached fold of a rep's pages, kept up to date by differences."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import TypeAlias

from services.aggregator.domain.counting import Counter, Plan, value_text
from shared.domain.accumulators import Accumulator
from shared.domain.cells import STATE_CELL, day_cell, month_cell
from shared.domain.exact import ZERO
from shared.domain.facts import STATE_PAGE, Fact
from shared.domain.instants import DAY_US, EPOCH, from_datetime
from shared.domain.periods import local_day

Accumulators: TypeAlias = dict[str, Accumulator]
"""A cell's content: definition -> accumulator."""


@lru_cache(maxsize=65_536)
def cells_of_page(page: str, zone: str, *, with_state: bool = False) -> tuple[str, ...]:
    """Every cell that a fact of a page can be in: a UTC day lies in one or two local days."""
    if page == STATE_PAGE:
        return (STATE_CELL,)
    start = from_datetime(EPOCH.fromisoformat(f"{page}T00:00:00+00:00"))
    days = dict.fromkeys(local_day(instant, zone) for instant in (start, start + DAY_US - 1))
    cells = dict.fromkeys(name for day in days for name in (day_cell(day), month_cell(day)))
    return (*cells, STATE_CELL) if with_state else tuple(cells)


class Cell:
    """One cell while a chunk works on it: its accumulators, in place, and changes of its distinct values."""

    __slots__ = ("accumulators", "name", "values")

    def __init__(self, name: str, accumulators: Accumulators) -> None:
        self.name = name
        self.accumulators = accumulators
        self.values: dict[str, dict[str, int]] = {}

    def add(self, counter: Counter, fact: Fact, *, sign: int, day: date) -> None:
        """Counts a fact that passed the counter's filter in (sign 1) or out again (-1)."""
        definition, _, amount, distinct = counter
        if distinct is not None:
            value = value_text(fact.fields.get(distinct))
            if value is not None:
                deltas = self.values.setdefault(definition, {})
                deltas[value] = deltas.get(value, 0) + sign
            return
        total = ZERO
        if amount is not None:
            found = amount(fact, day)
            if found is None:
                return
            total = found if sign > 0 else found.copy_negate()
        accumulator = self.accumulators.get(definition)
        if accumulator is None:
            accumulator = self.accumulators[definition] = Accumulator()
        accumulator.add(sign, total)

    def drop_zeros(self) -> None:
        """Forgets definitions of which nothing is left."""
        for definition in [name for name, accumulator in self.accumulators.items() if accumulator.is_zero]:
            del self.accumulators[definition]


class Sheet:
    """A rep's cells while a chunk works on them; ``known`` holds the accumulators of every cell it can touch."""

    __slots__ = ("_days", "_known", "_plan", "_zone", "is_changed", "shrunk", "touched")

    def __init__(self, plan: Plan, zone: str, known: dict[str, Accumulators]) -> None:
        self._plan = plan
        self._zone = zone
        self._known = known
        self._days: dict[date, tuple[Cell, Cell]] = {}
        self.touched: dict[str, Cell] = {}
        self.is_changed = False
        self.shrunk = False

    def count(self, fact: Fact, sign: int) -> None:
        """Counts a fact in (sign 1) or out again (-1), in its local day and month or in what holds now.

        One loop for every fact of the log: plain counts are done in place, what costs more is left to the cell.
        """
        self.is_changed = True
        if sign < 0:
            self.shrunk = True
        kind = self._plan.kinds.get(fact.kind)
        if kind is None:
            return
        fields = fact.fields
        if kind.daily:
            day = local_day(fact.at, self._zone)
            cells = self._days.get(day) or self._open_day(day)
            in_day, in_month = cells[0].accumulators, cells[1].accumulators
            for counter in kind.daily:
                definition, holds, amount, distinct = counter
                if holds is not None and not holds(fields):
                    continue
                daily, monthly = in_day.get(definition), in_month.get(definition)
                if amount is None and distinct is None and daily is not None and monthly is not None:
                    daily.count += sign
                    monthly.count += sign
                else:
                    cells[0].add(counter, fact, sign=sign, day=day)
                    cells[1].add(counter, fact, sign=sign, day=day)
        if kind.present:
            self._count_present(kind.present, fact, sign)

    def unconverted(self, fact: Fact) -> str | None:
        """The currency for want of whose rate an amount of the fact is in no sum."""
        kind = self._plan.kinds.get(fact.kind)
        if kind is None or fact.fields.get("currency") is None:
            return None
        return kind.unconverted(fact, local_day(fact.at, self._zone), self._plan.currencies)

    def _count_present(self, counters: Iterable[Counter], fact: Fact, sign: int) -> None:
        day = local_day(fact.at, self._zone)
        cell = self._open(STATE_CELL)
        for counter in counters:
            if counter.holds is None or counter.holds(fact.fields):
                cell.add(counter, fact, sign=sign, day=day)

    def _open_day(self, day: date) -> tuple[Cell, Cell]:
        cells = self._days[day] = (self._open(day_cell(day)), self._open(month_cell(day)))
        return cells

    def _open(self, name: str) -> Cell:
        cell = self.touched.get(name)
        if cell is None:
            cell = self.touched[name] = Cell(name, self._known[name])
        return cell


def fold(plan: Plan, zone: str, facts: Iterable[Fact]) -> dict[str, Cell]:
    """The cells of a rep who has exactly these facts: what the cells kept by differences have to equal."""
    sheet = Sheet(plan, zone, _Blank())
    for fact in facts:
        sheet.count(fact, 1)
    return sheet.touched


class _Blank(dict[str, Accumulators]):
    def __missing__(self, name: str) -> Accumulators:
        content = self[name] = {}
        return content
