"""What needs no broker of the event log: what it keeps of a reject, and when it gives up."""

from __future__ import annotations

import base64

import pytest
from confluent_kafka import KafkaError, KafkaException

from services.ingest.adapters.event_log import end_if_fatal, quarantined
from services.ingest.domain.delivery import Context, Delivery, Element, Rejected, RejectReason
from shared.contracts.messages import Quarantined
from tests.support.ingest_app import native_source


def entry(raw: bytes, *, index: int = 0, delivery: str = "dl_1") -> Quarantined:
    reject = Rejected(Element(index, raw, None), RejectReason.MISSING_ID)
    headers = {b"authorization": b"Bearer secret", b"user-agent": b"\xe9"}
    return quarantined(
        reject, Delivery(method="POST", headers=headers, body=raw), Context(native_source(), delivery, 1)
    )


def test_the_same_rubbish_sent_again_is_the_same_entry() -> None:
    assert entry(b"{}", delivery="dl_1").id == entry(b"{}", delivery="dl_2").id


def test_other_rubbish_is_another_entry() -> None:
    assert entry(b"{}").id != entry(b"[]").id


def test_bytes_that_are_no_text_are_kept_as_base64() -> None:
    kept = entry(b"\xff")
    assert (base64.b64decode(kept.body), kept.encoding) == (b"\xff", "base64")


def test_no_header_that_could_hold_a_secret_is_kept() -> None:
    assert entry(b"{}").headers == {"user-agent": "é"}


def test_a_fatal_error_ends_the_process() -> None:
    with pytest.raises(KafkaException):
        end_if_fatal(KafkaError(KafkaError._FATAL, "out of sequence", fatal=True))


def test_any_other_error_is_librdkafkas_business() -> None:
    end_if_fatal(KafkaError(KafkaError._ALL_BROKERS_DOWN, "away"))
