"""``where``: which facts count, compiled once a configuration. Contract 4.5.

The scoreboard asks for every fact, so a test is a closure that remembers its answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeAlias

from shared.domain.changes import Scalar, value_text
from shared.domain.exact import number
from shared.domain.kpis import Condition, Operator

Fields: TypeAlias = Mapping[str, Scalar]
Filter: TypeAlias = Callable[[Fields], bool]
_OUTCOMES_KEPT = 4_096


def compile_filter(conditions: tuple[Condition, ...]) -> Filter | None:
    """A test of a fact's fields; None if there is nothing to test."""
    tests = [compile_condition(condition) for condition in conditions]
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda fields: first(fields) and second(fields)
    return lambda fields: all(test(fields) for test in tests)


def compile_condition(condition: Condition) -> Filter:
    """A test of one condition; what is missing or null meets only ``exists: false`` and ``not_in``."""
    field = condition.field
    operator = condition.operator
    if operator is Operator.EXISTS:
        wanted = condition.operands[0] is True
        return lambda fields: (fields.get(field) is not None) is wanted
    outcomes = _Outcomes(_comparison(operator, condition.operands))
    outcomes[None] = operator is Operator.NOT_IN
    return lambda fields: outcomes[fields.get(field)]


def described(condition: Condition) -> str:
    """A condition in words: ``duration_seconds gte 20``."""
    return f"{condition.field} {condition.operator} {', '.join(value_text(operand) for operand in condition.operands)}"


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
