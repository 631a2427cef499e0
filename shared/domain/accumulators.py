"""Accumulators: what a cell keeps of many facts so that a KPI's value can be read, merged and corrected.

A *cell* is a rep's day, month or present state. Weeks are merged from days, quarters and years from months.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal
from itertools import accumulate

from msgspec import Struct

from shared.domain.exact import CONTEXT, ZERO, divide
from shared.domain.kpis import Aggregate, Kpi

_HUNDRED = Decimal(100)


class Accumulator(Struct, array_like=True, gc=False):
    """Facts counted and the exact total of their field; what distinct and ranked KPIs are read from is kept apart."""

    count: int = 0
    total: Decimal = ZERO

    @property
    def is_zero(self) -> bool:
        """Nothing counts: the cell need not keep it."""
        return self.count == 0 and self.total.is_zero()

    def add(self, count: int, total: Decimal) -> None:
        """Counts facts in, or out again with negative arguments."""
        self.count += count
        if total:
            self.total = CONTEXT.add(self.total, total)

    def merge(self, other: Accumulator) -> None:
        """Takes up another cell's facts."""
        self.add(other.count, other.total)


class Tally(Struct):
    """Merged cells of one subject and period, all by definition.

    ``values`` are distinct ones, ``numbers`` those of the facts of a ranked KPI, each with how many facts have it.
    """

    accumulators: dict[str, Accumulator]
    values: dict[str, set[str]]
    numbers: dict[str, dict[Decimal, int]]

    @classmethod
    def empty(cls) -> Tally:
        """A tally of nothing."""
        return cls({}, {}, {})

    def take(self, cell: Mapping[str, Accumulator]) -> None:
        """Merges one cell's accumulators."""
        for definition, accumulator in cell.items():
            self.accumulators.setdefault(definition, Accumulator()).merge(accumulator)

    def take_values(self, definition: str, values: Iterable[str]) -> None:
        """Unites distinct values."""
        self.values.setdefault(definition, set()).update(values)

    def take_numbers(self, definition: str, numbers: Mapping[Decimal, int]) -> None:
        """Adds up how many facts have each number."""
        known = self.numbers.setdefault(definition, {})
        for found, facts in numbers.items():
            known[found] = known.get(found, 0) + facts

    def take_tally(self, other: Tally) -> None:
        """Merges another subject's tally: a team is the union of its members' facts."""
        self.take(other.accumulators)
        for definition, values in other.values.items():
            self.take_values(definition, values)
        for definition, numbers in other.numbers.items():
            self.take_numbers(definition, numbers)


def result(kpi: Kpi, tally: Tally, kpis: Mapping[str, Kpi]) -> Decimal | None:
    """A KPI's exact value: null for a ratio over 0 and for an average or a ranked number of nothing (contract 4.5)."""
    accumulator = tally.accumulators.get(kpi.definition, Accumulator())
    match kpi.aggregate:
        case Aggregate.COUNT:
            return Decimal(accumulator.count)
        case Aggregate.SUM | Aggregate.LATEST:
            return accumulator.total
        case Aggregate.AVERAGE:
            return divide(accumulator.total, Decimal(accumulator.count))
        case Aggregate.DISTINCT:
            return Decimal(len(tally.values.get(kpi.definition, ())))
        case Aggregate.MINIMUM | Aggregate.MAXIMUM | Aggregate.PERCENTILE:
            return ranked(kpi, tally.numbers.get(kpi.definition, {}))
        case Aggregate.RATIO:
            numerator = result(kpis[kpi.numerator or ""], tally, kpis)
            denominator = result(kpis[kpi.denominator or ""], tally, kpis)
            return None if numerator is None or denominator is None else divide(numerator, denominator)


def ranked(kpi: Kpi, numbers: Mapping[Decimal, int]) -> Decimal | None:
    """The number that a ranked KPI picks, None of nothing. A percentile is the nearest rank, exact for any number.

    numbers: each with how many facts have it, at least one.
    """
    if not numbers:
        return None
    if kpi.aggregate is not Aggregate.PERCENTILE:
        return min(numbers) if kpi.aggregate is Aggregate.MINIMUM else max(numbers)
    rank = nearest_rank(kpi.percentile or ZERO, sum(numbers.values()))
    ordered = sorted(numbers)
    places = accumulate(numbers[found] for found in ordered)
    return next(found for found, place in zip(ordered, places, strict=True) if place >= rank)


def nearest_rank(percentile: Decimal, facts: int) -> int:
    """The place, from 1 on, of a percentile among so many facts in order."""
    share = CONTEXT.divide(CONTEXT.multiply(percentile, Decimal(facts)), _HUNDRED)
    return max(1, int(share.to_integral_value(ROUND_CEILING)))
