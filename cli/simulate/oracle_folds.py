"""How the oracle makes one number of many, and which facts a filter lets through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

Value = Decimal | str | None
COMPARISONS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "gte": lambda left, right: left >= right,
    "gt": lambda left, right: left > right,
    "lte": lambda left, right: left <= right,
    "lt": lambda left, right: left < right,
}


def fold(kpi: Mapping[str, Any], values: Iterable[Value]) -> Decimal | None:
    """A KPI's number of what its facts bring; None for an average or extreme of nothing. Raises: ValueError."""
    values = list(values)
    numbers = [number for value in values if (number := as_number(value)) is not None]
    places = Decimal("0.0001") if kpi["unit"] == "money" else Decimal("0.000001")
    match kpi["aggregate"]:
        case "count":
            return Decimal(len(values))
        case "sum":
            return sum(numbers, Decimal(0))
        case "average":
            return (sum(numbers, Decimal(0)) / len(numbers)).quantize(places) if numbers else None
        case "distinct":
            return Decimal(len({value for value in values if value is not None}))
        case "minimum" | "maximum" | "percentile" as rank:
            return _picked(rank, sorted(numbers), kpi).quantize(places) if numbers else None
    raise ValueError(f"the oracle knows no aggregate {kpi['aggregate']}")


def _picked(rank: str, numbers: list[Decimal], kpi: Mapping[str, Any]) -> Decimal:
    """The least, the greatest, or the smallest of which so many percent are no greater."""
    if rank != "percentile":
        return numbers[0] if rank == "minimum" else numbers[-1]
    wanted = Decimal(str(kpi["percentile"])) * len(numbers)
    return next(number for place, number in enumerate(numbers, start=1) if place * 100 >= wanted)


def stock(values: Iterable[Value]) -> Decimal:
    """The sum over what holds now."""
    return sum((number for value in values if (number := as_number(value)) is not None), Decimal(0))


def satisfies(fields: Mapping[str, str | None], where: Mapping[str, object]) -> bool:
    """Whether a fact's fields meet every condition of a KPI's ``where``."""
    return all(_meets(fields.get(name), condition) for name, condition in where.items())


def _meets(value: str | None, condition: object) -> bool:
    if not isinstance(condition, Mapping):
        return value is not None and _same(value, condition)
    return all(_holds(value, operator, operand) for operator, operand in condition.items())


def _holds(value: str | None, operator: str, operand: object) -> bool:
    if operator == "exists":
        return (value is not None) == operand
    if operator == "not_in":
        return value is None or not _among(value, operand)
    if value is None:
        return False
    if operator == "in":
        return _among(value, operand)
    left, right = as_number(value), as_number(str(operand))
    return left is not None and right is not None and COMPARISONS[operator](left, right)


def _among(value: str, wanted: object) -> bool:
    return isinstance(wanted, list) and any(_same(value, each) for each in wanted)


def _same(value: str, wanted: object) -> bool:
    left, right = as_number(value), as_number(str(wanted))
    return left == right if left is not None and right is not None else value == str(wanted)


def as_number(value: Value) -> Decimal | None:
    """A field's number, None where it is none."""
    try:
        return None if value is None else Decimal(value)
    except InvalidOperation:
        return None
