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
from shared.domain.facts import Fact
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

    @property
    def counts(self) -> bool:
        """Whether the fact is part of the number; a repeated value of a distinct KPI is, and adds nothing."""
        return self in {Outcome.COUNTED, Outcome.REPEATED}


class Receipt(Struct, frozen=True, kw_only=True):
    """One fact and what it adds to a KPI; ``kpi`` is the part, where the number is a ratio of two others.

    A ranked KPI picks one of the numbers that its facts bring as ``adds``: those with that number have ``decides``.
    """

    kpi: str
    fact: Fact
    outcome: Outcome
    condition: str | None = None
    adds: Decimal | None = None
    decides: bool = False


def receipts(tenant: Tenant, kpi: Kpi, facts: Iterable[Fact], *, zone: str) -> list[Receipt]:
    """Every fact of a KPI's kinds with its outcome, in the order of time. ``facts`` are those of the period."""
    ordered = sorted(facts, key=lambda fact: (fact.at, fact.id))
    found = list(_receipts(tenant, kpi, [fact for fact in ordered if fact.kind in kpi.facts], zone))
    return _with_decisive(kpi, found) if kpi.aggregate in RANKED else found


def _receipts(tenant: Tenant, kpi: Kpi, facts: Iterable[Fact], zone: str) -> Iterator[Receipt]:
    seen: set[str] = set()
    amount = None if kpi.aggregate is Aggregate.COUNT else amount_of(kpi, tenant.currencies)
    tests = [(condition, compile_condition(condition)) for condition in kpi.where]
    for fact in facts:
        broken = next((condition for condition, holds in tests if not holds(fact.fields)), None)
        if broken is not None:
            yield Receipt(kpi=kpi.id, fact=fact, outcome=Outcome.FILTERED, condition=described(broken))
        elif kpi.aggregate is Aggregate.DISTINCT:
            yield _distinct(kpi, fact, seen)
        else:
            outcome, adds = _added(kpi, amount, fact, local_day(fact.at, zone))
            yield Receipt(kpi=kpi.id, fact=fact, outcome=outcome, adds=adds)


def _with_decisive(kpi: Kpi, found: Iterable[Receipt]) -> list[Receipt]:
    each = list(found)
    picked = ranked(kpi, Counter(receipt.adds for receipt in each if receipt.adds is not None))
    return [replace(r, decides=True) if r.adds is not None and r.adds == picked else r for r in each]


def _distinct(kpi: Kpi, fact: Fact, seen: set[str]) -> Receipt:
    value = fact.fields.get(kpi.field or "")
    if value is None:
        return Receipt(kpi=kpi.id, fact=fact, outcome=Outcome.NO_VALUE)
    shown = value_text(value)
    outcome = Outcome.REPEATED if shown in seen else Outcome.COUNTED
    seen.add(shown)
    return Receipt(kpi=kpi.id, fact=fact, outcome=outcome, adds=ONE if outcome is Outcome.COUNTED else Decimal(0))


def _added(kpi: Kpi, amount: Amount | None, fact: Fact, day: date) -> tuple[Outcome, Decimal | None]:
    """``amount`` is how the KPI reads its field, None where it counts."""
    if amount is None:
        return Outcome.COUNTED, ONE
    if cached_number(fact.fields.get(kpi.field or "")) is None:
        return Outcome.NO_NUMBER, None
    adds = amount(fact, day)
    return (Outcome.NO_RATE, None) if adds is None else (Outcome.COUNTED, adds)


def within(fact: Fact, start: Micros, end: Micros, *, is_now: bool) -> bool:
    """Whether a fact lies in a period; a state holds now, and in no other period."""
    return is_now if fact.is_state else start <= fact.at < end
