"""The index of what waits in quarantine: a fold of entries and resolutions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.quarantine import (
    Head,
    InvalidCursor,
    Place,
    QuarantineIndex,
    Retried,
    RetryOutcome,
    Selection,
    identity,
    page,
)


def head(entry_id: str = "qe_1", **others: Any) -> Head:
    defaults: dict[str, Any] = {"tenant": "acme", "source": "crm", "reason": "missing_id", "received_at": 10}
    return Head(id=entry_id, **defaults | others)


def retried(outcome: RetryOutcome, entry_id: str = "qe_1", **others: Any) -> Retried:
    defaults: dict[str, Any] = {"tenant": "acme", "source": "crm", "at": 20, "by": "ops", "retry": "rt_1"}
    return Retried(resolves=entry_id, outcome=outcome, **defaults | others)


def index_of(*messages: Head | Retried | None, most: int = 100) -> QuarantineIndex:
    index = QuarantineIndex(most)
    for offset, message in enumerate(messages):
        index.take(Place(0, offset), message)
    return index


def everything(_: object) -> bool:
    return True


def test_an_element_that_comes_again_is_one_entry_at_its_latest_place() -> None:
    entry = index_of(head(received_at=10), head(received_at=30, reason="unknown_type")).get("qe_1")
    assert entry is not None
    assert (entry.times, entry.first_received_at, entry.head.received_at) == (2, 10, 30)
    assert (entry.place, entry.reason) == (Place(0, 1), "unknown_type")


def test_what_was_accepted_no_longer_waits() -> None:
    index = index_of(head(), head("qe_2"), retried(RetryOutcome.ACCEPTED))
    assert index.counts(everything) == {"missing_id": 1}
    assert [e.head.id for e in index.entries(Selection().has)] == ["qe_2"]


def test_what_was_accepted_stays_so_when_it_comes_again_or_is_tried_under_other_rules() -> None:
    index = index_of(head(), retried(RetryOutcome.ACCEPTED), head(), retried(RetryOutcome.QUARANTINED, reason="x"))
    entry = index.get("qe_1")
    assert entry is not None and not entry.waits and entry.retries == 1 and entry.times == 2


def test_what_is_quarantined_again_waits_for_the_reason_of_now() -> None:
    index = index_of(head(), retried(RetryOutcome.QUARANTINED, reason="future_time"))
    assert index.counts(everything) == {"future_time": 1}


def test_a_message_that_is_read_again_changes_nothing() -> None:
    index = index_of(head(), retried(RetryOutcome.QUARANTINED, reason="x"))
    index.take(Place(0, 0), head())
    index.take(Place(0, 1), retried(RetryOutcome.QUARANTINED, reason="x"))
    entry = index.get("qe_1")
    assert entry is not None and (entry.times, entry.retries) == (1, 1)


def test_what_nobody_can_read_is_counted() -> None:
    assert index_of(head(), None).unreadable == 1


def test_a_resolution_of_an_entry_that_is_gone_is_nothing() -> None:
    assert index_of(retried(RetryOutcome.ACCEPTED)).get("qe_1") is None


def test_beyond_its_limit_what_was_dealt_with_goes_first_and_then_the_oldest() -> None:
    index = index_of(head("a"), head("b"), retried(RetryOutcome.ACCEPTED, "b"), head("c"), most=2)
    assert (index.get("b"), index.left_out) == (None, 0)
    index.take(Place(0, 4), head("d"))
    assert (index.get("a"), index.left_out) == (None, 1)


def test_what_the_topic_no_longer_holds_is_forgotten() -> None:
    index = index_of(head("a"), head("b"))
    index.forget_before(0, 1)
    assert (index.get("a"), index.get("b") is None) == (None, False)


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        (Selection(), {"a", "b"}),
        (Selection(settled=True), {"a", "b", "c"}),
        (Selection(reason="unknown_type"), {"b"}),
        (Selection(source="other"), {"b"}),
        (Selection(since=20), {"b"}),
        (Selection(until=20), {"a"}),
    ],
)
def test_entries_are_selected(selection: Selection, found: set[str]) -> None:
    index = index_of(
        head("a", received_at=10),
        head("b", received_at=20, reason="unknown_type", source="other"),
        head("c"),
        retried(RetryOutcome.IGNORED, "c"),
    )
    assert {e.head.id for e in index.entries(selection.has)} == found


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 7))
def test_pages_show_every_entry_once_the_latest_first(instants: list[int], most: int) -> None:
    index = index_of(*(head(f"e{number}", received_at=at) for number, at in enumerate(instants)))
    seen, after = [], None
    while True:
        shown = page(index.entries(everything), most=most, after=after)
        seen += [entry.order for entry in shown.entries]
        after = shown.after
        if after is None:
            break
    assert seen == sorted(((at, f"e{n}") for n, at in enumerate(instants)), reverse=True)


@pytest.mark.parametrize("cursor", ["", "x", "x.y", "²."])
def test_a_cursor_that_no_page_gave_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        page([], most=1, after=cursor)


def test_an_identity_tells_its_parts_apart() -> None:
    assert identity("qe", b"ab", b"c") != identity("qe", b"a", b"bc")
