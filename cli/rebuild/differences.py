"""What differs between two states: readings by rep, KPI and period, and facts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from msgspec import Struct

from shared.domain.cells import STATE_CELL
from shared.domain.instants import Micros
from shared.domain.people import Rep
from shared.domain.periods import Period, PeriodKind, PeriodRules, local_day
from shared.domain.reading import Reading

GREATEST = 20
"""So many differences are shown, the greatest first; all are counted."""


class Difference(Struct, frozen=True, kw_only=True):
    """One reading that is not the same. ``live`` is what readers see now, ``rebuilt`` what the log says."""

    tenant: str
    rep: str
    kpi: str
    period: str
    live: Decimal | None
    rebuilt: Decimal | None

    @property
    def size(self) -> Decimal:
        """How far apart they are; a value and none are as far apart as the value is from 0, and more than nothing."""
        if self.live is None or self.rebuilt is None:
            return max(abs(self.live or self.rebuilt or Decimal(0)), Decimal(1))
        return abs(self.rebuilt - self.live)


class Comparison(Struct, frozen=True, kw_only=True):
    """All that differs.

    facts: how many differ, by ``tenant/subject``. reps: whose cells or facts are other. compared: how many reps were.
    behind: messages that the live state has not worked off at the place of the log where the other is; they may show
    as differences. unchecked: reps whose numbers moved while they were compared, and for whom there was no time again.
    """

    readings: Sequence[Difference] = ()
    facts: Mapping[str, int] = {}
    reps: frozenset[tuple[str, str]] = frozenset()
    compared: int = 0
    behind: int = 0
    unchecked: int = 0

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not (self.readings or self.facts or self.reps)

    def by_kpi(self) -> dict[str, int]:
        """How many readings of each KPI differ, by ``tenant/kpi``."""
        return dict(sorted(Counter(f"{each.tenant}/{each.kpi}" for each in self.readings).items()))

    def greatest(self) -> list[Difference]:
        """The greatest differences."""
        order = sorted(self.readings, key=lambda each: (-each.size, each.tenant, each.rep, each.kpi, each.period))
        return order[:GREATEST]


def touched_periods(cells: Iterable[str], rules: PeriodRules, rep: Rep, *, now: Micros) -> list[Period]:
    """The calendar periods that are read from some cells, by cell name."""
    found: dict[Period, None] = {}
    for name in cells:
        if name == STATE_CELL:
            found[rules.containing(PeriodKind.DAY, local_day(now, rep.zone))] = None
        elif name.startswith("d"):
            day = date.fromisoformat(name[1:])
            found |= dict.fromkeys(rules.containing(kind, day) for kind in (PeriodKind.DAY, PeriodKind.WEEK))
        elif name.startswith("m"):
            first = date.fromisoformat(f"{name[1:]}-01")
            kinds = (PeriodKind.MONTH, PeriodKind.QUARTER, PeriodKind.YEAR)
            found |= dict.fromkeys(rules.containing(kind, first) for kind in kinds)
    return list(found)


def differing(tenant: str, rep: str, live: Iterable[Reading], rebuilt: Iterable[Reading]) -> list[Difference]:
    """The readings of one rep and period that have other values."""
    return [
        Difference(tenant=tenant, rep=rep, kpi=was.kpi, period=was.period.id, live=was.value, rebuilt=now.value)
        for was, now in zip(live, rebuilt, strict=True)
        if was.value != now.value
    ]
