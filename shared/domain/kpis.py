"""KPI definitions as the domain sees them; shared.configuration compiles them from kpis.yaml."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from shared.domain.facts import FactKind
from shared.domain.periods import Period


class Aggregate(StrEnum):
    """How a KPI makes one number of many facts."""

    COUNT = "count"
    SUM = "sum"
    AVERAGE = "average"
    DISTINCT = "distinct"
    RATIO = "ratio"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    PERCENTILE = "percentile"
    LATEST = "latest"


RANKED = frozenset({Aggregate.MINIMUM, Aggregate.MAXIMUM, Aggregate.PERCENTILE})
"""Aggregates that pick one of the facts' numbers: cells keep every number with how many facts have it."""
PRORATED = frozenset({Aggregate.COUNT, Aggregate.SUM, Aggregate.DISTINCT})
"""Aggregates whose target is asked for day by day; the others' target stands for the whole period (contract 4.9)."""


class Unit(StrEnum):
    """What the number counts."""

    COUNT = "count"
    MONEY = "money"
    SECONDS = "seconds"
    RATIO = "ratio"
    DAYS = "days"


class Better(StrEnum):
    """Which direction is good."""

    HIGHER = "higher"
    LOWER = "lower"


class KpiType(StrEnum):
    """Leading KPIs are activity that can still be changed, lagging ones its result."""

    LEADING = "leading"
    LAGGING = "lagging"


class Operator(StrEnum):
    """Comparisons of a ``where`` filter."""

    EQ = "eq"
    IN = "in"
    NOT_IN = "not_in"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    EXISTS = "exists"


class Condition(Struct, frozen=True):
    """One comparison. Operands are text (numbers as written) or booleans; IN and NOT_IN have several."""

    field: str
    operator: Operator
    operands: tuple[str | bool, ...]


class Kpi(Struct, frozen=True, kw_only=True):
    """A KPI, period-free: the reader chooses the period. All conditions of ``where`` must hold.

    Several of the same id are versions of it: periods use the one in force on their first day. ``effective``: the day
    from which this one is, None since ever.
    ``percentile``: above 0 and up to 100, the rank that aggregate PERCENTILE picks.
    """

    id: str
    name: str
    type: KpiType
    unit: Unit
    better: Better
    aggregate: Aggregate
    facts: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    field: str | None = None
    numerator: str | None = None
    denominator: str | None = None
    percentile: Decimal | None = None
    effective: date | None = None
    periods: tuple[str, ...] = ("day", "week", "month")

    @property
    def definition(self) -> str:
        """The name under which its accumulators are kept, unlike any other version's."""
        return self.id if self.effective is None else f"{self.id}@{self.effective}"

    def has_begun(self, day: date) -> bool:
        """Whether it is in force on a day, unless a later version is."""
        return self.effective is None or self.effective <= day

    def is_asked_of(self, period: Period) -> bool:
        """Whether targets apply to its value in a period."""
        return period.kind in self.periods and self.has_begun(period.first)

    @property
    def counts_states(self) -> bool:
        """Whether it counts what holds now, perhaps beside what happened."""
        return self.aggregate is Aggregate.LATEST or FactKind.DEAL_OPEN in self.facts

    @property
    def is_stock(self) -> bool:
        """Whether it counts only what holds now: of any other time it says nothing."""
        return self.aggregate is Aggregate.LATEST or set(self.facts) == {FactKind.DEAL_OPEN}

    @property
    def prorated(self) -> bool:
        """Whether its target accrues with working time."""
        return self.aggregate in PRORATED and not self.is_stock
