"""JSON that is written again: the same values, numbers as they were sent, at any depth."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.json_values import as_bytes, compact
from services.ingest.domain.strict_json import split

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=5))
def test_what_is_written_says_the_same(value: dict[str, Any]) -> None:
    (element,) = split(json.dumps(value).encode(), max_batch=1)
    assert json.loads(as_bytes(element.value)) == value


def test_numbers_stay_as_they_were_written() -> None:
    body = b'{"a":[1.50,1E5,-0,[]],"b":{},"c":"\\u00e9"}'
    (element,) = split(body, max_batch=1)
    assert compact(element.value) == '{"a":[1.50,1E5,-0,[]],"b":{},"c":"é"}'


def test_half_of_a_pair_stays_escaped() -> None:
    (element,) = split(b'{"a":"\\ud800\\\\"}', max_batch=1)
    assert as_bytes(element.value) == b'{"a":"\\ud800\\\\"}'


def test_depth_costs_no_stack() -> None:
    value: Any = None
    for _ in range(50_000):
        value = [value]
    assert compact(value) == "[" * 50_000 + "null" + "]" * 50_000
