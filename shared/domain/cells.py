"""Which cells a number is read from. Days and months are kept; everything else is merged from them."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache

from msgspec import Struct

from shared.domain.accumulators import Accumulator, Tally
from shared.domain.facts import FactKind
from shared.domain.folded import held_as
from shared.domain.instants import Micros
from shared.domain.kpis import RANKED, Aggregate, Kpi
from shared.domain.periods import Period, PeriodKind, PeriodRules

STATE_CELL = "now"
_RULES = PeriodRules()


class CellQuery(Struct, frozen=True):
    """What to read of one rep: cells by name; distinct values, and numbers with their facts, by (definition, cell)."""

    cells: frozenset[str] = frozenset()
    values: frozenset[tuple[str, str]] = frozenset()
    numbers: frozenset[tuple[str, str]] = frozenset()

    def __or__(self, other: CellQuery) -> CellQuery:
        return CellQuery(self.cells | other.cells, self.values | other.values, self.numbers | other.numbers)


class SubjectCells(Struct, frozen=True):
    """What was read of one rep; what is absent there is empty here.

    ``retained_from``: her facts before it are gone for their age; 0 for none. ``folded``: what her cells count, see
    shared.domain.folded; None where nothing was ever folded, and then nothing is all there is.
    """

    version: int = 0
    cells: Mapping[str, Mapping[str, Accumulator]] = {}
    values: Mapping[tuple[str, str], frozenset[str]] = {}
    numbers: Mapping[tuple[str, str], Mapping[Decimal, int]] = {}
    retained_from: Micros = 0
    folded: frozenset[str] | None = None

    def is_whole(self, kpi: Kpi, start: Micros) -> bool:
        """Whether a KPI's value in a period that starts then lacks nothing for its age; states have none."""
        if kpi.aggregate is not Aggregate.LATEST:
            return not self.retained_from or self.retained_from <= start  # before 1970 a start is below 0
        return not self.retained_from or all(kind == FactKind.DEAL_OPEN for kind in kpi.facts)

    def count_all(self, kpis: Iterable[Kpi]) -> bool:
        """Whether the cells count these KPIs, which are no ratios, by now: an edit takes a while to reach every rep."""
        return self.folded is None or all(held_as(kpi) in self.folded for kpi in kpis)

    def tally(self, names: Iterable[str], definitions: Iterable[str]) -> Tally:
        """Merges the named cells; ``definitions`` are those of distinct and ranked KPIs whose values to unite."""
        tally, chosen = Tally.empty(), list(names)
        for name in chosen:
            tally.take(self.cells.get(name, {}))
        for definition in definitions:
            for name in chosen:
                tally.take_values(definition, self.values.get((definition, name), frozenset()))
                tally.take_numbers(definition, self.numbers.get((definition, name), {}))
        return tally


@lru_cache(maxsize=16_384)
def day_cell(day: date) -> str:
    """Cell name of a rep's local day."""
    return f"d{day.isoformat()}"


@lru_cache(maxsize=16_384)
def month_cell(day: date) -> str:
    """Cell name of the month that contains a day."""
    return f"m{day:%Y-%m}"


def first_day(cell: str) -> date:
    """The first local day of a day's or month's cell. A year before 1000 has fewer digits in a month's name."""
    year, month, day = (*cell[1:].split("-"), "1")[:3]
    return date(int(year), int(month), int(day))


def covering_cells(period: Period, included: Callable[[date], bool] | None = None) -> tuple[str, ...]:
    """The fewest cells that hold a period's facts, or those of its days that are ``included``."""
    return _cells_of_all(period) if included is None else _cells_of(period, included)


@lru_cache(maxsize=1_024)
def _cells_of_all(period: Period) -> tuple[str, ...]:
    return _cells_of(period, None)


def _cells_of(period: Period, included: Callable[[date], bool] | None) -> tuple[str, ...]:
    if period.kind in (PeriodKind.DAY, PeriodKind.WEEK):
        return tuple(day_cell(day) for day in period.days() if included is None or included(day))
    return tuple(name for month in _months(period) for name in _month_cells(month, included))


def _months(period: Period) -> Iterator[Period]:
    firsts = (day for day in period.days() if day.day == 1)
    return (_RULES.containing(PeriodKind.MONTH, first) for first in firsts)


def _month_cells(month: Period, included: Callable[[date], bool] | None) -> tuple[str, ...]:
    chosen = list(month.days()) if included is None else [day for day in month.days() if included(day)]
    whole = len(chosen) == (month.last - month.first).days + 1
    return (month_cell(month.first),) if whole else tuple(day_cell(day) for day in chosen)


def cells_of_days(days: Iterable[date]) -> tuple[str, ...]:
    """The fewest cells that hold the facts of just these days, given in order."""
    months: dict[date, list[date]] = {}
    for day in days:
        months.setdefault(day.replace(day=1), []).append(day)
    return tuple(name for first, chosen in months.items() for name in _cells_in_month(first, chosen))


def _cells_in_month(first: date, chosen: list[date]) -> tuple[str, ...]:
    whole = len(chosen) == monthrange(first.year, first.month)[1]
    return (month_cell(first),) if whole else tuple(day_cell(day) for day in chosen)


def base_kpis(kpi: Kpi, kpis: Mapping[str, Kpi]) -> tuple[Kpi, ...]:
    """The KPIs whose accumulators a KPI is read from: a ratio's parts, else itself.

    ``kpis``: by id, the versions of the same day.
    """
    if kpi.aggregate is not Aggregate.RATIO:
        return (kpi,)
    return tuple(base for part in (kpi.numerator, kpi.denominator) for base in base_kpis(kpis[part or ""], kpis))


def distinct_definitions(wanted: Iterable[Kpi], kpis: Mapping[str, Kpi]) -> frozenset[str]:
    """Definitions of the distinct KPIs that the wanted ones are read from."""
    bases = (base for kpi in wanted for base in base_kpis(kpi, kpis))
    return frozenset(base.definition for base in bases if base.aggregate is Aggregate.DISTINCT)


def ranked_definitions(wanted: Iterable[Kpi], kpis: Mapping[str, Kpi]) -> frozenset[str]:
    """Definitions of the ranked KPIs that the wanted ones are read from."""
    bases = (base for kpi in wanted for base in base_kpis(kpi, kpis))
    return frozenset(base.definition for base in bases if base.aggregate in RANKED)
