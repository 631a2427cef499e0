"""What a fact adds to which KPI, compiled once a configuration: contract 4.5 and 4.8.

A *counter* is one KPI for one kind of fact: may it count (filter), and what does it add?
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct

from shared.domain.amounts import Amount, Money, amount_of, cached_number, currency_of
from shared.domain.facts import Fact, FactKind
from shared.domain.filters import Filter, compile_filter
from shared.domain.folded import folded_of
from shared.domain.kpis import RANKED, Aggregate, Kpi
from shared.domain.tenant import Currencies, Tenant

_ONE = Decimal(1)


class Counter(NamedTuple):
    """One KPI's share in a kind of fact; a tuple, because the loop over every fact takes it apart.

    One of three: ``amount`` (sums, averages, stocks: facts without a number are left out), ``distinct`` (the field
    whose values are collected), or neither: the fact is counted. With ``keeps`` each amount is kept, not their total.
    """

    definition: str
    holds: Filter | None
    amount: Amount | None
    distinct: str | None
    keeps: bool = False


class KindPlan(Struct, frozen=True):
    """All that one kind of fact adds: ``daily`` to its day and month, ``present`` to what holds now."""

    daily: tuple[Counter, ...] = ()
    present: tuple[Counter, ...] = ()

    @property
    def asks_money(self) -> bool:
        """Whether any KPI is of amounts of money of these facts."""
        return any(isinstance(counter.amount, Money) for counter in (*self.daily, *self.present))

    def unconverted(self, fact: Fact, day: date, currencies: Currencies) -> str | None:
        """The currency that keeps the fact's amount out of some KPI for want of a rate; None if none does."""
        currency = currency_of(fact)
        if currency is None or currency == currencies.own or currencies.convert(_ONE, currency, day) is not None:
            return None
        return currency if any(_asks_money(counter, fact) for counter in (*self.daily, *self.present)) else None


class Plan(Struct, frozen=True):
    """Every kind that something counts. ``stocks_of_moments``: some KPI keeps a stock of facts that have a day.

    ``folded``: what cells count by it, see shared.domain.folded.
    """

    kinds: Mapping[str, KindPlan]
    currencies: Currencies
    money_kinds: frozenset[str] = frozenset()
    stocks_of_moments: bool = False
    folded: str = ""


def compile_plan(tenant: Tenant) -> Plan:
    """All counters of a tenant's KPIs. Ratios count nothing of their own: they divide other KPIs."""
    daily: dict[str, list[Counter]] = {}
    present: dict[str, list[Counter]] = {}
    for kpi in tenant.kpis.values():
        if kpi.aggregate is Aggregate.RATIO:
            continue
        counter = _counter(kpi, tenant.currencies)
        for kind in dict.fromkeys(kpi.facts):
            is_present = kpi.aggregate is Aggregate.LATEST or kind == FactKind.DEAL_OPEN
            (present if is_present else daily).setdefault(kind, []).append(counter)
    kinds = {
        kind: KindPlan(tuple(daily.get(kind, ())), tuple(present.get(kind, ())))
        for kind in dict.fromkeys((*daily, *present))
    }
    return Plan(
        kinds,
        tenant.currencies,
        frozenset(kind for kind, plan in kinds.items() if plan.asks_money),
        any(kind != FactKind.DEAL_OPEN for kind in present),
        folded_of(tenant.kpis.values()),
    )


def _counter(kpi: Kpi, currencies: Currencies) -> Counter:
    holds = compile_filter(kpi.where)
    if kpi.aggregate in RANKED:
        return Counter(kpi.definition, holds, amount_of(kpi, currencies), None, keeps=True)
    match kpi.aggregate:
        case Aggregate.DISTINCT:
            return Counter(kpi.definition, holds, None, kpi.field or "")
        case Aggregate.SUM | Aggregate.AVERAGE | Aggregate.LATEST:
            return Counter(kpi.definition, holds, amount_of(kpi, currencies), None)
        case _:
            return Counter(kpi.definition, holds, None, None)


def counts(counter: Counter, fact: Fact, day: date) -> bool:
    """Whether a fact adds to a KPI."""
    if counter.holds is not None and not counter.holds(fact.fields):
        return False
    if counter.distinct is not None:
        return fact.fields.get(counter.distinct) is not None
    return counter.amount is None or counter.amount(fact, day) is not None


def _asks_money(counter: Counter, fact: Fact) -> bool:
    """Whether a KPI would be of an amount of this fact."""
    if not isinstance(counter.amount, Money) or cached_number(fact.fields.get(counter.amount.field)) is None:
        return False
    return counter.holds is None or counter.holds(fact.fields)
