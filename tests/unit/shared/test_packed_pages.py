"""A page is packed without the loss of anything, whatever its facts hold."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.contracts.columns import Numbers, Scalars, Shapes, Texts
from shared.contracts.messages import decode_entry, encode_entry
from shared.contracts.packed_pages import UnknownForm, pack_page, unpack_page, words_of
from shared.domain.changes import Scalar
from shared.domain.facts import Fact, PageEntry, Revision
from tests.support.sales_pages import sales_page

INT64 = st.integers(-(2**63), 2**63 - 1)
HOSTILE = ["", "0", "00", "-1", "٣", "1/2", "#", "a#b/c", "\x00", "1" * 18, "1" * 19, "𝟙", "é", "c-10", "c-101"]
TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=6), st.integers(0, 10**12).map(str))
SCALARS: st.SearchStrategy[Scalar] = st.one_of(TEXTS, st.booleans(), st.none())
FACTS = st.builds(
    Fact,
    kind=TEXTS,
    at=INT64,
    source=TEXTS,
    record_type=TEXTS,
    record=TEXTS,
    owner=TEXTS,
    fields=st.dictionaries(TEXTS, SCALARS, max_size=4),
    url=st.none() | TEXTS,
)
ENTRIES = st.builds(PageEntry, st.builds(Revision, INT64, INT64), st.none() | FACTS)
PAGES = st.dictionaries(TEXTS, ENTRIES, max_size=8)


@given(st.lists(INT64))
@example([-(2**63), 2**63 - 1, -(2**63)])
def test_numbers_come_back(values: list[int]) -> None:
    assert Numbers.of(values).values(len(values)) == values


@given(st.lists(TEXTS))
def test_texts_come_back(values: list[str]) -> None:
    assert Texts.of(values).values(len(values)) == values


@given(st.lists(SCALARS))
@example([None])
@example([True, "true", None, "1", True])
def test_field_values_come_back(values: list[Scalar]) -> None:
    found = Scalars.of(values).values(len(values))
    assert [(type(value), value) for value in found] == [(type(value), value) for value in values]


@given(st.lists(st.lists(TEXTS, max_size=3)))
def test_lists_come_back(values: list[list[str]]) -> None:
    assert Shapes.of(values).values(len(values)) == values


def test_more_values_than_a_byte_can_count_come_back() -> None:
    values: list[Scalar] = [f"x{number % 70_000}" for number in range(140_000)]
    assert Scalars.of(values).values(len(values)) == values


@settings(max_examples=400)
@given(PAGES, PAGES)
def test_a_page_comes_back_with_or_without_words(page: dict[str, PageEntry], other: dict[str, PageEntry]) -> None:
    words = words_of([other])
    assert same(unpack_page(pack_page(page)), page)
    assert same(unpack_page(pack_page(page, words), words), page)


@given(PAGES)
def test_what_comes_back_is_stored_in_the_same_bytes(page: dict[str, PageEntry]) -> None:
    stored = {fact_id: encode_entry(entry) for fact_id, entry in page.items()}
    decoded = {fact_id: decode_entry(packed) for fact_id, packed in stored.items()}
    back = unpack_page(pack_page(decoded))
    assert {fact_id: encode_entry(entry) for fact_id, entry in back.items()} == stored


def same(found: Mapping[str, PageEntry], page: Mapping[str, PageEntry]) -> bool:
    """Equal, and fields in the same order: equality of dicts overlooks it."""
    return found == page and all(
        list(fact.fields.items()) == list(known.fields.items())
        for fact_id, entry in page.items()
        if (known := entry.fact) is not None and (fact := found[fact_id].fact) is not None
    )


def test_the_words_of_a_subject_make_her_pages_smaller() -> None:
    pages = [sales_page(20, seed=day) for day in range(10)]
    words = words_of(pages)
    assert sum(len(pack_page(page, words)) for page in pages) < 0.8 * sum(len(pack_page(page)) for page in pages)


def test_a_fact_of_a_plausible_page_takes_less_than_30_bytes() -> None:
    page = sales_page(40, seed=1)
    assert len(pack_page(page, words_of([sales_page(40, seed=2)]))) < 30 * len(page)


def test_few_facts_teach_no_words() -> None:
    assert words_of([]) == words_of([sales_page(1, seed=1)]) == b""


def test_other_words_are_noticed() -> None:
    page, words = sales_page(20, seed=1), words_of([sales_page(20, seed=2)])
    with pytest.raises(zlib.error):
        unpack_page(pack_page(page, words), words[:-1])


def test_a_page_that_is_cut_off_is_noticed() -> None:
    with pytest.raises(zlib.error):
        unpack_page(pack_page(sales_page(20, seed=1))[:-1])


def test_a_form_of_a_later_version_is_refused() -> None:
    with pytest.raises(UnknownForm, match=r"x02"):
        unpack_page(b"\x02" + pack_page({})[1:])
