"""Values of fields: numbers, texts, filters, money. Contract 4.5 and 4.8."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

NUMERIC = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


class Raw(str):
    """A JSON number, digit for digit as it was sent."""

    __slots__ = ()


def parsed(text: str) -> Any:
    """JSON in which numbers keep their text."""
    return json.loads(text, parse_float=Raw, parse_int=Raw)


def number(value: Any) -> Fraction | None:
    """The value as an exact number; None if it is none. Numeric strings are numbers, booleans are not."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        return Fraction(Decimal(str(value)))  # a float as JSON writes it
    if isinstance(value, str) and NUMERIC.fullmatch(value):
        return Fraction(Decimal(value))
    return None


def text(value: Any) -> str:
    """What `distinct` compares."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def same(left: Any, right: Any) -> bool:
    one, other = number(left), number(right)
    if one is not None and other is not None:
        return one == other
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return one is None and other is None and left == right


def passes(where: dict[str, Any], fields: dict[str, Any]) -> bool:
    return all(condition_holds(wanted, fields.get(name)) for name, wanted in where.items())


def condition_holds(wanted: Any, value: Any) -> bool:
    if not isinstance(wanted, dict):
        return value is not None and same(wanted, value)
    return all(operator_holds(name, operand, value) for name, operand in wanted.items())


def operator_holds(name: str, operand: Any, value: Any) -> bool:
    if name == "exists":
        return (value is not None) is operand
    if value is None:
        return name == "not_in"
    if name in ("gt", "gte", "lt", "lte"):
        return compares(name, number(value), number(operand))
    among = any(same(one, value) for one in (operand if isinstance(operand, list) else [operand]))
    return among is (name != "not_in")


def compares(name: str, left: Fraction | None, right: Fraction | None) -> bool:
    if left is None or right is None:
        return False
    return {"gt": left > right, "gte": left >= right, "lt": left < right, "lte": left <= right}[name]


def rate_on(tenant: dict[str, Any], currency: Any, day: date) -> Fraction | None:
    """What one unit is worth in the tenant's currency; None: no rate on that day."""
    if currency is None or currency == tenant["currency"]:
        return Fraction(1)
    dated = [one for one in tenant.get("fx", []) if one["currency"] == currency and one["from"] <= day]
    if not dated:
        return None
    return Fraction(Decimal(str(max(dated, key=lambda one: one["from"])["rate"])))


def rounded(value: Fraction, places: int) -> Fraction:
    """Half-even: what Python's `round` does to a Fraction."""
    return round(value, places)
