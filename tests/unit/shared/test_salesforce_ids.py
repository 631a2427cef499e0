"""15 characters become 18; everything else stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.salesforce_ids import long_form


@pytest.mark.parametrize(
    ("short", "check"),
    [
        ("0031I0000081tbP", "QAQ"),
        ("04l1I000000fztE", "QAQ"),
        ("00D1I000003qqqE", "UAQ"),
        ("0051I000001AbCd", "QAK"),
        ("006SM0000001Tb3", "YAE"),
        ("000000000000000", "AAA"),
        ("ABCDEABCDEABCDE", "555"),
    ],
)
def test_the_check_tells_the_case(short: str, check: str) -> None:
    assert long_form(short) == short + check


@pytest.mark.parametrize(
    "text", ["", "ana", "0051I000001AbCdQAK", "0051I000001AbC\u00e9", "0051I000001 bCd", "a@b.example"]
)
def test_other_texts_stay(text: str) -> None:
    assert long_form(text) == text


IDS = st.text(st.sampled_from("aAbB09"), min_size=15, max_size=15)


@given(IDS, IDS)
def test_ids_that_differ_in_case_alone_stay_apart(one: str, other: str) -> None:
    assert (long_form(one).lower() == long_form(other).lower()) == (one == other)
