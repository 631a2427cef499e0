"""What a fact adds to which KPI, compiled once a configuration: contract 4.5 and 4.8.

A *counter* is one KPI for one kind of fact: may it count (filter), and what does it add?
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from msgspec import Struct

from shared.domain.changes import Scalar
from shared.domain.exact import number
from shared.domain.facts import Fact, FactKind
from shared.domain.kpis import Aggregate, Condition, Kpi, Operator, Unit
from shared.domain.tenant import Currencies, Tenant

Fields: TypeAlias = Mapping[str, Scalar]
Filter: TypeAlias = Callable[[Fields], bool]
Amount: TypeAlias = Callable[[Fact, date], Decimal | None]

cached_number = lru_cache(maxsize=65_536)(number)
"""Durations and amounts repeat; parsing one costs as much as all else that is done for a fact."""
_OUTCOMES_KEPT = 4_096


class Counter(NamedTuple):
    """One KPI's share in a kind of fact; a tuple, because the loop over every fact takes it apart.

    One of three: ``amount`` (sums, averages, stocks: facts without a number are left out), ``distinct`` (the field
    whose values are collected), or neither: the fact is counted.
    """

    definition: str
    holds: Filter | None
    amount: Amount | None
    distinct: str | None


class KindPlan(Struct, frozen=True):
    """All that one kind of fact adds: ``daily`` to its day and month, ``present`` to what holds now."""

    daily: tuple[Counter, ...] = ()
    present: tuple[Counter, ...] = ()

    @property
    def asks_money(self) -> bool:
        """Whether any KPI sums amounts of money of these facts."""
        return any(isinstance(counter.amount, _Money) for counter in (*self.daily, *self.present))

    def unconverted(self, fact: Fact, day: date, currencies: Currencies) -> str | None:
        """The currency that keeps the fact's amount out of some KPI for want of a rate; None if none does."""
        currency = _currency(fact)
        if currency is None or currency == currencies.own or currencies.convert(_ONE, currency, day) is not None:
            return None
        return currency if any(_asks_money(counter, fact) for counter in (*self.daily, *self.present)) else None


class Plan(Struct, frozen=True):
    """Every kind that something counts. ``stocks_of_moments``: some KPI keeps a stock of facts that have a day."""

    kinds: Mapping[str, KindPlan]
    currencies: Currencies
    money_kinds: frozenset[str] = frozenset()
    stocks_of_moments: bool = False


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
    )


def compile_filter(conditions: tuple[Condition, ...]) -> Filter | None:
    """A test of a fact's fields; None if there is nothing to test."""
    tests = [_compile_condition(condition) for condition in conditions]
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda fields: first(fields) and second(fields)
    return lambda fields: all(test(fields) for test in tests)


def value_text(value: str | bool) -> str:  # noqa: FBT001 - a field's value
    """The text by which distinct compares values."""
    return ("true" if value else "false") if isinstance(value, bool) else value


_ONE = Decimal(1)


def _counter(kpi: Kpi, currencies: Currencies) -> Counter:
    holds = compile_filter(kpi.where)
    match kpi.aggregate:
        case Aggregate.DISTINCT:
            return Counter(kpi.definition, holds, None, kpi.field or "")
        case Aggregate.SUM | Aggregate.AVERAGE | Aggregate.LATEST:
            return Counter(kpi.definition, holds, _amount(kpi, currencies), None)
        case _:
            return Counter(kpi.definition, holds, None, None)


def _asks_money(counter: Counter, fact: Fact) -> bool:
    """Whether a KPI would sum an amount of this fact."""
    if not isinstance(counter.amount, _Money) or cached_number(fact.fields.get(counter.amount.field)) is None:
        return False
    return counter.holds is None or counter.holds(fact.fields)


class _Money:
    """Amounts in the tenant's currency, by the fact's currency field and its local day."""

    def __init__(self, field: str, currencies: Currencies) -> None:
        self.field = field
        self._convert = lru_cache(maxsize=16_384)(currencies.convert)

    def __call__(self, fact: Fact, day: date) -> Decimal | None:
        value = cached_number(fact.fields.get(self.field))
        return None if value is None else self._convert(value, _currency(fact), day)


def _amount(kpi: Kpi, currencies: Currencies) -> Amount:
    field = kpi.field or ""
    if kpi.unit is Unit.MONEY:
        return _Money(field, currencies)
    return lambda fact, _: cached_number(fact.fields.get(field))


def _currency(fact: Fact) -> str | None:
    currency = fact.fields.get("currency")
    return None if currency is None else value_text(currency)


def _compile_condition(condition: Condition) -> Filter:
    field = condition.field
    operator = condition.operator
    if operator is Operator.EXISTS:
        wanted = condition.operands[0] is True
        return lambda fields: (fields.get(field) is not None) is wanted
    outcomes = _Outcomes(_comparison(operator, condition.operands))
    outcomes[None] = operator is Operator.NOT_IN
    return lambda fields: outcomes[fields.get(field)]


class _Outcomes(dict[Scalar, bool]):
    """Answers of a test by value, so that a value seen before costs one lookup."""

    def __init__(self, test: Callable[[str | bool], bool]) -> None:
        super().__init__()
        self._test = test

    def __missing__(self, value: str | bool) -> bool:  # noqa: FBT001 - a field's value
        outcome = self._test(value)
        if len(self) < _OUTCOMES_KEPT:
            self[value] = outcome
        return outcome


def _comparison(operator: Operator, operands: tuple[str | bool, ...]) -> Callable[[str | bool], bool]:
    """A test of a value that is there."""
    if operator in {Operator.EQ, Operator.IN}:
        return lambda value: any(_equal(value, operand) for operand in operands)
    if operator is Operator.NOT_IN:
        return lambda value: not any(_equal(value, operand) for operand in operands)
    limit = number(operands[0])
    return lambda value: _is_beyond(operator, number(value), limit)


def _equal(value: Scalar, operand: Scalar) -> bool:
    """Booleans equal booleans, numbers numbers, however they are written, and text itself."""
    if isinstance(value, bool) or isinstance(operand, bool):
        return value is operand
    left, right = number(value), number(operand)
    return value == operand if left is None or right is None else left == right


def _is_beyond(operator: Operator, value: Decimal | None, limit: Decimal | None) -> bool:
    if value is None or limit is None:
        return False
    match operator:
        case Operator.GT:
            return value > limit
        case Operator.GTE:
            return value >= limit
        case Operator.LT:
            return value < limit
        case _:
            return value <= limit
