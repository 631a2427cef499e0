"""The facts behind a number, and why the others of their kinds did not count. Contract 4.5, 4.6 and 4.8."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from shared.domain.changes import Scalar
from shared.domain.exact import number
from shared.domain.facts import Fact
from shared.domain.instants import Micros
from shared.domain.kpis import Aggregate, Condition, Kpi, Operator, Unit
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
    """One fact and what it adds to a KPI; ``kpi`` is the part, where the number is a ratio of two others."""

    kpi: str
    fact: Fact
    outcome: Outcome
    condition: str | None = None
    adds: Decimal | None = None


def receipts(tenant: Tenant, kpi: Kpi, facts: Iterable[Fact], *, zone: str) -> list[Receipt]:
    """Every fact of a KPI's kinds with its outcome, in the order of time. ``facts`` are those of the period."""
    ordered = sorted(facts, key=lambda fact: (fact.at, fact.id))
    return list(_receipts(tenant, kpi, [fact for fact in ordered if fact.kind in kpi.facts], zone))


def _receipts(tenant: Tenant, kpi: Kpi, facts: Iterable[Fact], zone: str) -> Iterator[Receipt]:
    seen: set[str] = set()
    for fact in facts:
        broken = next((c for c in kpi.where if not holds(c, fact.fields)), None)
        if broken is not None:
            yield Receipt(kpi=kpi.id, fact=fact, outcome=Outcome.FILTERED, condition=described(broken))
        elif kpi.aggregate is Aggregate.DISTINCT:
            yield _distinct(kpi, fact, seen)
        else:
            outcome, adds = _amount(tenant, kpi, fact, local_day(fact.at, zone))
            yield Receipt(kpi=kpi.id, fact=fact, outcome=outcome, adds=adds)


def _distinct(kpi: Kpi, fact: Fact, seen: set[str]) -> Receipt:
    value = fact.fields.get(kpi.field or "")
    if value is None:
        return Receipt(kpi=kpi.id, fact=fact, outcome=Outcome.NO_VALUE)
    shown = written(value)
    outcome = Outcome.REPEATED if shown in seen else Outcome.COUNTED
    seen.add(shown)
    return Receipt(kpi=kpi.id, fact=fact, outcome=outcome, adds=ONE if outcome is Outcome.COUNTED else Decimal(0))


def _amount(tenant: Tenant, kpi: Kpi, fact: Fact, day: date) -> tuple[Outcome, Decimal | None]:
    if kpi.aggregate is Aggregate.COUNT:
        return Outcome.COUNTED, ONE
    value = number(fact.fields.get(kpi.field or ""))
    if value is None:
        return Outcome.NO_NUMBER, None
    if kpi.unit is not Unit.MONEY:
        return Outcome.COUNTED, value
    currency = fact.fields.get("currency")
    converted = tenant.currencies.convert(value, None if currency is None else written(currency), day)
    return (Outcome.NO_RATE, None) if converted is None else (Outcome.COUNTED, converted)


def within(fact: Fact, start: Micros, end: Micros, *, is_now: bool) -> bool:
    """Whether a fact lies in a period; a state holds now, and in no other period."""
    return is_now if fact.is_state else start <= fact.at < end


def holds(condition: Condition, fields: dict[str, Scalar]) -> bool:
    """Whether a fact's fields meet a condition; what is missing meets only ``exists: false`` and ``not_in``."""
    value = fields.get(condition.field)
    if condition.operator is Operator.EXISTS:
        return (value is not None) is (condition.operands[0] is True)
    if value is None:
        return condition.operator is Operator.NOT_IN
    match condition.operator:
        case Operator.EQ | Operator.IN:
            return any(_equal(value, operand) for operand in condition.operands)
        case Operator.NOT_IN:
            return not any(_equal(value, operand) for operand in condition.operands)
        case _:
            return _beyond(condition.operator, number(value), number(condition.operands[0]))


def described(condition: Condition) -> str:
    """A condition in words: ``duration_seconds gte 20``."""
    return f"{condition.field} {condition.operator} {', '.join(written(operand) for operand in condition.operands)}"


def written(value: str | bool) -> str:  # noqa: FBT001 - a field's value, not a switch
    """A value as text."""
    return value if isinstance(value, str) else str(value).lower()


def _equal(value: str | bool, operand: str | bool) -> bool:  # noqa: FBT001 - field values
    if isinstance(value, bool) or isinstance(operand, bool):
        return value is operand
    left, right = number(value), number(operand)
    return value == operand if left is None or right is None else left == right


def _beyond(operator: Operator, value: Decimal | None, limit: Decimal | None) -> bool:
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
