"""From page entries to cells: a cell is a cached fold of a rep's pages, kept up to date by differences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct

from services.aggregator.domain.counting import Counter, Plan
from shared.domain.accumulators import Accumulator
from shared.domain.cells import STATE_CELL, day_cell, month_cell
from shared.domain.changes import value_text
from shared.domain.exact import CONTEXT, ZERO, plain
from shared.domain.facts import STATE_PAGE, Fact
from shared.domain.instants import DAY_US, EPOCH, from_datetime
from shared.domain.periods import local_day

_add = CONTEXT.add
_subtract = CONTEXT.subtract

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


class Tallied(Struct, gc=False):
    """What a chunk adds to a cell by definition: facts, exact totals, and facts by distinct value or number."""

    counts: dict[str, int]
    totals: dict[str, Decimal]
    values: dict[str, dict[str, int]]

    @classmethod
    def empty(cls) -> Tallied:
        """Nothing yet."""
        return cls({}, {}, {})

    def count(  # noqa: C901 - asked inline, for every fact and KPI
        self, counters: tuple[Counter, ...], fact: Fact, *, sign: int, day: date
    ) -> None:
        """Counts a fact in (sign 1) or out again (-1).

        The innermost loop of all: once for every fact and KPI that may count it, so it asks a counter inline.
        """
        counts, fields = self.counts, fact.fields
        for definition, holds, amount, distinct, keeps in counters:
            if holds is not None and not holds(fields):
                continue
            if distinct is not None:
                value = fields.get(distinct)
                if value is not None:
                    text = value if value.__class__ is str else value_text(value)
                    deltas = self.values.get(definition)
                    if deltas is None:
                        deltas = self.values[definition] = {}
                    deltas[text] = deltas.get(text, 0) + sign
                continue
            if amount is not None:
                found = amount(fact, day)
                if found is None:
                    continue
                if keeps:
                    self._keep(definition, number_text(found), sign)
                    continue
                total = self.totals.get(definition, ZERO)
                self.totals[definition] = _add(total, found) if sign > 0 else _subtract(total, found)
            counts[definition] = counts.get(definition, 0) + sign

    def _keep(self, definition: str, value: str, sign: int) -> None:
        deltas = self.values.setdefault(definition, {})
        deltas[value] = deltas.get(value, 0) + sign

    def pour(self, cell: Accumulators) -> None:
        """Adds counts and totals to a cell, and drops what is down to nothing."""
        totals = self.totals
        for definition, count in self.counts.items():
            accumulator = cell.get(definition)
            if accumulator is None:
                accumulator = cell[definition] = Accumulator()
            accumulator.count += count
            if definition in totals:
                accumulator.total = _add(accumulator.total, totals[definition])
            if not accumulator.count and accumulator.is_zero:
                del cell[definition]


@lru_cache(maxsize=16_384)
def number_text(number: Decimal) -> str:
    """One text for equal numbers, however they are written: by it facts with the same number are counted together."""
    return plain(number) if number else "0"


class Sheet:
    """A rep's facts of one chunk, tallied by local day first: what costs per cell is done once a cell, not a fact."""

    __slots__ = ("_days", "_plan", "_present", "is_changed", "money_kinds", "zone")

    def __init__(self, plan: Plan, zone: str) -> None:
        self._plan = plan
        self.zone = zone
        self._days: dict[date, Tallied] = {}
        self._present: Tallied | None = None
        self.is_changed = False
        self.money_kinds = plan.money_kinds

    def fresh(self) -> Sheet:
        """An empty one under the same plan."""
        return Sheet(self._plan, self.zone)

    def count(self, facts: Iterable[Fact], sign: int) -> None:
        """Counts facts in (sign 1) or out again (-1), each in its local day or in what holds now."""
        self.is_changed = True
        kinds, zone, days = self._plan.kinds, self.zone, self._days
        for fact in facts:
            kind = kinds.get(fact.kind)
            if kind is None:
                continue
            day = local_day(fact.at, zone)
            if kind.daily:
                tallied = days.get(day)
                if tallied is None:
                    tallied = days[day] = Tallied.empty()
                tallied.count(kind.daily, fact, sign=sign, day=day)
            if kind.present:
                if self._present is None:
                    self._present = Tallied.empty()
                self._present.count(kind.present, fact, sign=sign, day=day)

    def counters(self, kind: str) -> list[Counter]:
        """What counts a kind of facts on their days."""
        plan = self._plan.kinds.get(kind)
        return [] if plan is None else list(plan.daily)

    def unconverted(self, fact: Fact) -> str | None:
        """The currency for want of whose rate an amount of the fact is in no sum."""
        kind = self._plan.kinds.get(fact.kind)
        return None if kind is None else kind.unconverted(fact, local_day(fact.at, self.zone), self._plan.currencies)

    def days(self) -> Iterable[date]:
        """The local days whose cells change."""
        return self._days

    def cells(self) -> Iterator[tuple[str, Tallied]]:
        """What to add to which cell; a month's comes once for each of its days."""
        for day, tallied in self._days.items():
            yield day_cell(day), tallied
            yield month_cell(day), tallied
        if self._present is not None:
            yield STATE_CELL, self._present


class Folded(Struct):
    """Cells by name; distinct values and ranked numbers by (definition, cell), with how many facts have them."""

    cells: dict[str, Accumulators]
    values: dict[tuple[str, str], dict[str, int]]

    def take(self, name: str, tallied: Tallied) -> None:
        """Adds to a cell and its values; values keep a change of 0, cells drop what is down to nothing."""
        tallied.pour(self.cells.setdefault(name, {}))
        for definition, deltas in tallied.values.items():
            known = self.values.setdefault((definition, name), {})
            for value, delta in deltas.items():
                known[value] = known.get(value, 0) + delta


def fold(plan: Plan, zone: str, facts: Iterable[Fact]) -> Folded:
    """The cells of a rep who has exactly these facts: what the cells kept by differences have to equal."""
    sheet = Sheet(plan, zone)
    sheet.count(facts, 1)
    folded = Folded({}, {})
    for name, tallied in sheet.cells():
        folded.take(name, tallied)
    return folded
