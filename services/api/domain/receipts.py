"""The facts behind a number, and why the others of their kinds did not count. Contract 4.5, 4.6 and 4.8."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.accumulators import ranked
from shared.domain.amounts import Amount, amount_of, cached_number
from shared.domain.changes import value_text
from shared.domain.facts import Fact, FactKind
from shared.domain.filters import compile_condition, described
from shared.domain.instants import Micros
from shared.domain.kpis import RANKED, Aggregate, Kpi
from shared.domain.periods import local_day
from shared.domain.tenant import Tenant

ONE = Decimal(1)


class Outcome(StrEnum):
    """What became of a fact."""

    COUNTED = "counted"
    FILTERED = "filtered_out"
    NO_NUMBER = "no_number"
    NO_RATE = "no_exchange_rate"
    NO_VALUE = "no_value"
    REPEATED = "value_counted_before"
    NOT_IN_FORCE = "not_in_force"
    """The period is before the KPI's first version."""

    @property
    def counts(self) -> bool:
        """Whether the fact is part of the number; a repeated value of a distinct KPI is, and adds nothing."""
        return self in {Outcome.COUNTED, Outcome.REPEATED}


class Receipt(Struct, frozen=True, kw_only=True):
    """One fact of a rep's and what it adds to a KPI; ``kpi`` is the part, where the number is a ratio of two others.

    A ranked KPI picks one of the numbers that its facts bring as ``adds``: those with that number have ``decides``.
    """

    rep: str
    kpi: str
    fact: Fact
    outcome: Outcome
    condition: str | None = None
    adds: Decimal | None = None
    decides: bool = False


class Holding(Struct, frozen=True):
    """A rep's facts of a period; ``zone`` decides their days."""

    rep: str
    zone: str
    facts: Iterable[Fact]


def receipts(tenant: Tenant, kpi: Kpi, holdings: Iterable[Holding], *, in_force: bool = True) -> list[Receipt]:
    """Every fact of a KPI's kinds with its outcome, in the order of time; several reps' are a team's union.

    ``in_force``: whether the KPI had begun by then.
    """
    found = [(fact, held) for held in holdings for fact in held.facts if fact.kind in kpi.facts]
    ordered = sorted(found, key=lambda each: (each[0].at, each[0].id, each[1].rep))
    if not in_force:
        return [Receipt(rep=held.rep, kpi=kpi.id, fact=fact, outcome=Outcome.NOT_IN_FORCE) for fact, held in ordered]
    outcomes = list(_receipts(tenant, kpi, ordered))
    return _with_decisive(kpi, outcomes) if kpi.aggregate in RANKED else outcomes


def _receipts(tenant: Tenant, kpi: Kpi, found: Iterable[tuple[Fact, Holding]]) -> Iterator[Receipt]:
    seen: set[str] = set()
    amount = None if kpi.aggregate is Aggregate.COUNT else amount_of(kpi, tenant.currencies)
    tests = [(condition, compile_condition(condition)) for condition in kpi.where]
    for fact, held in found:
        broken = next((condition for condition, holds in tests if not holds(fact.fields)), None)
        condition = None
        if broken is not None:
            outcome, adds, condition = Outcome.FILTERED, None, described(broken)
        elif kpi.aggregate is Aggregate.DISTINCT:
            outcome, adds = _distinct(kpi, fact, seen)
        else:
            outcome, adds = _added(kpi, amount, fact, local_day(fact.at, held.zone))
        yield Receipt(rep=held.rep, kpi=kpi.id, fact=fact, outcome=outcome, condition=condition, adds=adds)


def _with_decisive(kpi: Kpi, found: Iterable[Receipt]) -> list[Receipt]:
    each = list(found)
    picked = ranked(kpi, Counter(receipt.adds for receipt in each if receipt.adds is not None))
    return [replace(r, decides=True) if r.adds is not None and r.adds == picked else r for r in each]


def _distinct(kpi: Kpi, fact: Fact, seen: set[str]) -> tuple[Outcome, Decimal | None]:
    value = fact.fields.get(kpi.field or "")
    if value is None:
        return Outcome.NO_VALUE, None
    shown = value_text(value)
    outcome = Outcome.REPEATED if shown in seen else Outcome.COUNTED
    seen.add(shown)
    return outcome, ONE if outcome is Outcome.COUNTED else Decimal(0)


def _added(kpi: Kpi, amount: Amount | None, fact: Fact, day: date) -> tuple[Outcome, Decimal | None]:
    """``amount`` is how the KPI reads its field, None where it counts."""
    if amount is None:
        return Outcome.COUNTED, ONE
    if cached_number(fact.fields.get(kpi.field or "")) is None:
        return Outcome.NO_NUMBER, None
    adds = amount(fact, day)
    return (Outcome.NO_RATE, None) if adds is None else (Outcome.COUNTED, adds)


def counted_in(kpi: Kpi, fact: Fact, start: Micros, end: Micros, *, is_now: bool) -> bool:
    """Whether a fact lies in what a period's number is made of: a state holds now, all else has its time."""
    if fact.is_state or kpi.aggregate is Aggregate.LATEST:
        return is_now
    return start <= fact.at < end


def keeps_moments(kpi: Kpi) -> bool:
    """Whether the KPI is a stock of facts that have a day: all that ever were hold now."""
    return kpi.aggregate is Aggregate.LATEST and any(kind != FactKind.DEAL_OPEN for kind in kpi.facts)
