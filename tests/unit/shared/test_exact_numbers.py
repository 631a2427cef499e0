"""What counts as a number, told with and without making one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import exact


@given(st.text("0123456789.+-eE ", max_size=30) | st.text(max_size=30) | st.none() | st.booleans())
def test_whether_it_is_a_number_is_whether_one_is_found(value: object) -> None:
    assert exact.is_number(value) == (exact.number(value) is not None)


@pytest.mark.parametrize("value", ["1200.50", "-0", "9" * 18 + "." + "9" * 18, "1e5", "9" * 60])
def test_amounts_are_numbers(value: str) -> None:
    assert exact.is_number(value)


@pytest.mark.parametrize("value", ["", "1e400", "NaN", "١٢", "1.", ".", "9" * 61, "1 200"])
def test_what_only_looks_like_one_is_none(value: str) -> None:
    assert exact.is_number(value) == (exact.number(value) is not None)
