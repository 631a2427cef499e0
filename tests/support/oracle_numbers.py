"""The oracle's numbers: filters, amounts and aggregates (contract 4.5 and 4.8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation, localcontext
from fractions import Fraction
from typing import Any

from tests.support.oracle_records import Fact


def number(value: Any) -> Decimal | None:
    """Numbers and numeric strings; no booleans."""
    if value is None or isinstance(value, bool):
        return None
    try:
        parsed = Decimal(str(value))
    except InvalidOperation:
        return None
    return parsed if parsed.is_finite() else None


def satisfies(value: Any, wanted: Any) -> bool:
    """Whether a field's value passes all conditions of its filter."""
    conditions = wanted if isinstance(wanted, dict) else {"eq": wanted}
    return all(_holds(value, operator, operand) for operator, operand in conditions.items())


def _holds(value: Any, operator: str, operand: Any) -> bool:
    if operator == "exists":
        return (value is not None) == operand
    if operator == "not_in":
        return value is None or not any(_equal(value, one) for one in operand)
    if operator in {"eq", "in"}:
        return value is not None and any(_equal(value, one) for one in (operand if operator == "in" else [operand]))
    left, right = number(value), number(operand)
    if left is None or right is None:
        return False
    return {"gt": left > right, "gte": left >= right, "lt": left < right, "lte": left <= right}[operator]


def _equal(value: Any, operand: Any) -> bool:
    if isinstance(value, bool) or isinstance(operand, bool):
        return value is operand
    left, right = number(value), number(operand)
    return str(value) == str(operand) if left is None or right is None else left == right


def aggregate(kpi: dict[str, Any], facts: Sequence[tuple[Fact, date]], tenant: dict[str, Any]) -> Fraction | None:
    """One number of the facts that count, each with its local day."""
    if kpi["aggregate"] == "count":
        return Fraction(len(facts))
    if kpi["aggregate"] == "distinct":
        values = (fact.fields.get(kpi["field"]) for fact, _ in facts)
        return Fraction(len({_text(value) for value in values if value is not None}))
    found = [_amount(kpi, fact, day, tenant) for fact, day in facts]
    amounts = [Fraction(amount) for amount in found if amount is not None]
    if kpi["aggregate"] == "average":
        return sum(amounts, Fraction(0)) / len(amounts) if amounts else None
    return sum(amounts, Fraction(0))


def _amount(kpi: dict[str, Any], fact: Fact, day: date, tenant: dict[str, Any]) -> Decimal | None:
    amount = number(fact.fields.get(kpi["field"]))
    if amount is None or kpi["unit"] != "money":
        return amount
    currency = fact.fields.get("currency") or tenant["currency"]
    rate = Decimal(1)
    if currency != tenant["currency"]:
        rates = [
            (str(entry["from"]), Decimal(str(entry["rate"])))
            for entry in tenant.get("fx", [])
            if entry["currency"] == currency and str(entry["from"]) <= day.isoformat()
        ]
        if not rates:
            return None
        rate = max(rates)[1]
    with localcontext(prec=100):
        return (amount * rate).quantize(Decimal("0.0001"), rounding=ROUND_HALF_EVEN)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
