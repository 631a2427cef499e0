"""``where`` by contract 4.5, one comparison a line."""

from typing import Any

import pytest

from shared.domain.changes import value_text
from shared.domain.filters import compile_filter, described
from shared.domain.kpis import Condition, Operator
from tests.support.aggregator_tenant import conditions


@pytest.mark.parametrize(
    ("wanted", "value", "passes"),
    [
        ("outbound", "outbound", True),
        ("outbound", "inbound", False),
        ("outbound", None, False),
        ("20", "20.0", True),
        ("1000", "1e3", True),
        (True, True, True),
        (True, "true", False),
        ({"in": ["a", 5]}, "5.00", True),
        ({"in": ["a"]}, None, False),
        ({"not_in": ["a"]}, "b", True),
        ({"not_in": ["a"]}, "a", False),
        ({"not_in": ["a"]}, None, True),
        ({"gt": 5}, "5", False),
        ({"gte": 5}, "5.0", True),
        ({"lt": 5}, "4.9", True),
        ({"lte": 5}, "many", False),
        ({"gte": 5, "lt": 10}, "10", False),
        ({"gt": 1, "gte": 5, "lt": 10}, "9", True),
        ({"exists": True}, "", True),
        ({"exists": True}, None, False),
        ({"exists": False}, None, True),
    ],
)
def test_a_filter(wanted: Any, value: Any, passes: bool) -> None:
    holds = compile_filter(tuple(conditions({"field": wanted})))
    assert holds is not None
    assert holds({"field": value}) is passes


def test_a_missing_field_is_like_null() -> None:
    holds = compile_filter(tuple(conditions({"field": {"exists": False}})))
    assert holds is not None
    assert holds({})


def test_distinct_compares_the_text_of_values() -> None:
    assert [value_text(value) for value in ("a", True, False)] == ["a", "true", "false"]


def test_every_condition_must_hold() -> None:
    holds = compile_filter(tuple(conditions({"a": "1", "b": "2", "c": "3"})))
    assert holds is not None
    assert (holds({"a": "1", "b": "2", "c": "3"}), holds({"a": "1", "b": "2", "c": "4"})) == (True, False)


def test_no_condition_is_no_test() -> None:
    assert compile_filter(()) is None


def test_a_condition_in_words() -> None:
    assert described(Condition("seen", Operator.IN, ("a", True))) == "seen in a, true"
