"""What needs no broker of the event log: what it keeps of a reject, and when it gives up."""

from __future__ import annotations

import base64

import msgspec
import pytest
from confluent_kafka import KafkaError, KafkaException

from services.ingest.adapters.event_log import end_if_fatal
from services.ingest.adapters.quarantine_entries import quarantined
from services.ingest.domain.delivery import Context, Delivery, Element, Rejected, RejectReason
from shared.contracts.messages import Quarantined
from tests.support.crm_sender import NATIVE_TOKEN
from tests.support.ingest_app import native_source

SECRET = NATIVE_TOKEN.encode()


def entry(
    raw: bytes, *, delivery: str = "dl_1", reason: RejectReason = RejectReason.MISSING_ID, detail: str = ""
) -> Quarantined:
    reject = Rejected(Element(0, raw, None), reason, detail)
    headers = {b"authorization": b"Bearer secret", b"user-agent": b"\xe9", b"content-type": b"x;" + SECRET}
    return quarantined(
        reject, Delivery(method="POST", headers=headers, body=raw), Context(native_source(), delivery, 1)
    )


def test_the_same_rubbish_sent_again_is_the_same_entry() -> None:
    assert entry(b"{}", delivery="dl_1").id == entry(b"{}", delivery="dl_2").id


def test_whatever_is_said_to_be_wrong_with_it_it_is_the_same_entry() -> None:
    assert entry(b"{}").id == entry(b"{}", reason=RejectReason.FUTURE_TIME).id


def test_other_rubbish_is_another_entry() -> None:
    assert entry(b"{}").id != entry(b"[]").id


def test_bytes_that_are_no_text_are_kept_as_base64() -> None:
    kept = entry(b"\xff")
    assert (base64.b64decode(kept.body), kept.encoding) == (b"\xff", "base64")


def test_no_header_that_could_hold_a_secret_is_kept() -> None:
    assert entry(b"{}").headers == {"user-agent": "é", "content-type": "x;***"}


def test_the_sources_own_secret_is_kept_nowhere() -> None:
    kept = entry(b'{"token": "' + SECRET + b'", "id": 5}', detail=f"id is {NATIVE_TOKEN}")
    assert (kept.body, kept.detail) == ('{"token": "***", "id": 5}', "id is ***")
    assert NATIVE_TOKEN not in msgspec.json.encode(kept).decode()


def test_no_query_string_and_no_path_token_is_kept() -> None:
    reject = Rejected(Element(0, b"{}", None), RejectReason.MISSING_ID)
    delivery = Delivery(method="POST", headers={}, body=b"{}", query="code=hidden-1", path_token="hidden-2")
    assert "hidden" not in msgspec.json.encode(quarantined(reject, delivery, Context(native_source(), "d", 1))).decode()


def test_a_fatal_error_ends_the_process() -> None:
    with pytest.raises(KafkaException):
        end_if_fatal(KafkaError(KafkaError._FATAL, "out of sequence", fatal=True))


def test_any_other_error_is_librdkafkas_business() -> None:
    end_if_fatal(KafkaError(KafkaError._ALL_BROKERS_DOWN, "away"))
