"""What crosses the border: entries, resolutions, requests."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.messages import Quarantined, encode_quarantined
from shared.contracts.quarantine import (
    ENTRIES_A_MESSAGE,
    LARGE_BYTES,
    as_text,
    decode_quarantine,
    encode_retried,
    raw_of,
    requests,
)
from shared.domain.quarantine import Entry, Head, Place, Retried, RetryOutcome


def entry(raw: bytes) -> Quarantined:
    body, encoding = as_text(raw)
    return Quarantined(
        id="qe_1", tenant="acme", source="crm", reason="missing_id", detail="", received_at=1, body=body,
        encoding=encoding,
    )  # fmt: skip


@given(st.binary(max_size=200))
def test_the_bytes_of_an_entry_come_back_as_they_were(raw: bytes) -> None:
    assert raw_of(entry(raw)) == raw


@pytest.mark.parametrize("unit", [b'"', b"\\", b"\x01", b"x", b"\xff"])
def test_a_large_body_grows_by_a_third_at_most(unit: bytes) -> None:
    raw = unit * (LARGE_BYTES + 1)
    kept = entry(raw)
    assert raw_of(kept) == raw
    assert len(encode_quarantined(kept)) <= len(raw) * 4 / 3 + 500


def test_an_entry_is_read_without_its_body() -> None:
    head = decode_quarantine(encode_quarantined(entry(b'{"resolves": 5}')))
    assert isinstance(head, Head) and head.id == "qe_1"


def test_a_resolution_is_told_from_an_entry() -> None:
    said = Retried(
        resolves="qe_1", tenant="acme", source="crm", outcome=RetryOutcome.ACCEPTED, at=1, by="ops", retry="r"
    )
    assert decode_quarantine(encode_retried(said)) == said


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"[]", b"{}", b'{"resolves": "x"}', b'{"id": 5}'])
def test_what_is_neither_is_nothing(value: bytes | None) -> None:
    assert decode_quarantine(value) is None


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 999)), unique=True, max_size=600))
def test_requests_name_every_entry_once_by_partition_in_order(places: list[tuple[int, int]]) -> None:
    entries = [
        Entry(
            head=Head(id=f"{p}-{o}", tenant="t", source="s", reason="r", received_at=0),
            place=Place(p, o),
            first_received_at=0,
        )
        for p, o in places
    ]
    said = list(requests(entries, retry="r", by="ops", at=1))
    named = [(asked.partition, one.offset) for asked in said for one in asked.entries]
    assert named == sorted(places)
    assert all(len(asked.entries) <= ENTRIES_A_MESSAGE for asked in said)


def test_an_old_entry_without_the_newer_fields_still_decodes() -> None:
    old = msgspec.json.encode(
        {"id": "q", "tenant": "a", "source": "s", "reason": "r", "detail": "", "received_at": 1, "body": "x"}
    )
    assert decode_quarantine(old) == Head(id="q", tenant="a", source="s", reason="r", received_at=1)
