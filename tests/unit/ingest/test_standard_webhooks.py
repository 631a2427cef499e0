"""Standard Webhooks: which signatures hold, with every trap of the usual libraries, through the real application."""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import Any

import httpx
import pytest

from services.ingest.wiring import Ingest
from shared.domain.instants import SECOND_US
from tests.support.cloud_senders import (
    AT_US,
    PUBLIC_KEY,
    SECRET,
    payload,
    send_standard,
    standard_source,
    v1,
    v1a,
)
from tests.support.fake_log import FakeLog
from tests.support.ingest_app import configure
from tests.support.manual_clock import ManualClock

BODY = json.dumps(payload()).encode()


@pytest.fixture(autouse=True)
def standard(ingest: Ingest) -> None:
    configure(ingest, standard_source())


@pytest.fixture
def now(clock: ManualClock) -> int:
    return clock.now() // SECOND_US


@pytest.fixture
def send(http: httpx.AsyncClient, now: int) -> Any:
    return partial(send_standard, http, now=now)


def reason(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["reason"]


async def test_a_signed_payload_is_taken(send: Any, log: FakeLog) -> None:
    answer = await send(payload())
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    (change,) = log.changes
    assert (change.type, change.record, change.event, change.occurred_at) == ("deal.won", "8", "msg_1", AT_US)
    assert (change.owner, change.fields) == ("u1", {"amount": "1200.50", "currency": "EUR"})


async def test_the_published_vector_holds(http: httpx.AsyncClient, clock: ManualClock) -> None:
    clock.set(1614265331 * SECOND_US)
    signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    message = {"message_id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "stamp": "1614265330"}
    answer = await send_standard(http, b'{"test": 2432232314}', now=0, signature=signature, **message)
    assert answer.json()["problems"] == [{"index": 0, "reason": "missing_type"}]
    wrong = await send_standard(http, b'{"test": 2432232314}', now=0, signature=signature[:-3] + "A=", **message)
    assert reason(wrong) == (401, "bad_signature")


async def test_the_published_ed25519_key_holds(http: httpx.AsyncClient, now: int) -> None:
    assert PUBLIC_KEY == "whpk_ebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ="
    answer = await send_standard(http, BODY, now=now, signature=v1a(BODY, "msg_1", str(now)))
    assert answer.status_code == 202


@pytest.mark.parametrize("filler", ["v1,AAAA", "v1a,AAAA", "v2,whatever", "", "v1", "v1a,é"])
async def test_any_of_several_signatures_will_do(send: Any, now: int, filler: str) -> None:
    for signature in (v1(BODY, "msg_1", str(now)), v1a(BODY, "msg_1", str(now))):
        answer = await send(BODY, signature=f"{filler} {signature} {filler}")
        assert answer.status_code == 202


def garbled(good: str) -> list[str]:
    return [
        "v1",
        "v1,",
        "v1,abc",
        "v1,AAAA,BBBB",
        f"{good},",
        f"{good},x",
        good.replace("v1,", "v1a,"),
        good.replace("v1,", "V1,"),
        good.replace("v1,", "v1, "),
        good.replace(",", ""),
        good.removesuffix("="),
        good[:10] + "*" + good[10:],
        good[:10] + "_" + good[10:],
        good.removeprefix("v1,"),
        "v1,é",
        "é",
        "  ",
        "v1a,",
        "v1a,AAAA",
        "v1a," + base64.b64encode(bytes(64)).decode(),
        "v2," + good[3:],
        " ".join(["v1,AAAA"] * 16 + [good]),
    ]


@pytest.mark.parametrize("case", range(len(garbled("v1,x="))))
async def test_a_garbled_signature_is_no_signature(send: Any, now: int, case: int) -> None:
    answer = await send(BODY, signature=garbled(v1(BODY, "msg_1", str(now)))[case])
    assert answer.status_code == 401
    assert answer.json()["reason"] in {"bad_signature", "missing_credentials"}
    assert "www-authenticate" in answer.headers


async def test_a_public_key_is_no_hmac_key(send: Any, now: int) -> None:
    as_hmac = v1(BODY, "msg_1", str(now), secret=PUBLIC_KEY.removeprefix("whpk_"))
    assert reason(await send(BODY, signature=as_hmac)) == (401, "bad_signature")


@pytest.mark.parametrize("stamp", ["1.5", "1e9", "1 7", "1_000", "+17", "-17", "0x1", "é", "9" * 13])
async def test_a_timestamp_is_a_whole_number(send: Any, stamp: str) -> None:
    assert reason(await send(BODY, stamp=stamp, signature="v1,AAAA")) == (401, "invalid_timestamp")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-300, None), (-301, "stale_timestamp"), (300, None), (301, "future_timestamp")],
)
async def test_the_timestamp_may_differ_by_the_tolerance_either_way(
    http: httpx.AsyncClient, now: int, seconds: int, expected: str | None
) -> None:
    answer = await send_standard(http, BODY, now=now + seconds)
    assert answer.json().get("reason") == expected
    assert answer.status_code == (202 if expected is None else 401)


async def test_a_stale_and_wrong_signature_is_wrong(http: httpx.AsyncClient, now: int) -> None:
    assert reason(await send_standard(http, BODY, now=now - 9999, signature="v1,AAAA")) == (401, "bad_signature")


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("empty", [True, False])
async def test_each_header_is_needed(http: httpx.AsyncClient, now: int, missing: str, *, empty: bool) -> None:
    headers = {"webhook-id": "m", "webhook-timestamp": str(now), "webhook-signature": v1(BODY, "m", str(now))}
    if empty:
        headers[missing] = ""
    else:
        del headers[missing]
    answer = await http.post("/v1/webhooks/standard", content=BODY, headers=headers)
    assert reason(answer) == (401, "missing_credentials")


async def test_what_was_signed_is_what_was_sent(send: Any, now: int) -> None:
    good = v1(BODY, "msg_1", str(now))
    assert (await send(BODY + b" ", signature=good)).status_code == 401
    assert (await send(BODY, signature=good, message_id="msg_2")).status_code == 401
    assert (await send(BODY, signature=good, stamp=str(now - 1))).status_code == 401


async def test_headers_of_svix_only_where_the_source_takes_them(send: Any, ingest: Ingest) -> None:
    refused = await send(BODY, prefix="svix")
    configure(ingest, standard_source(options={"accept_svix_headers": True}))
    taken, as_ever = await send(BODY, prefix="svix"), await send(BODY)
    assert (refused.status_code, taken.status_code, as_ever.status_code) == (401, 202, 202)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 202),
        ("application/json; charset=utf-8", 202),
        (None, 202),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
    ],
)
async def test_payloads_are_json(send: Any, content_type: str | None, status: int) -> None:
    assert (await send(BODY, content_type=content_type)).status_code == status


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b"null", b"\xff", b'{"a":NaN}', b"[" * 9000, b'{"type":"x"'])
async def test_a_signed_body_that_is_no_object_is_malformed(send: Any, body: bytes) -> None:
    assert reason(await send(body)) == (400, "malformed_body")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (payload("widget.spun"), "unknown_type"),
        (payload(...), "missing_type"),
        (payload(["deal.won"]), "invalid_type"),
        (payload(timestamp=...), "missing_time"),
        (payload(timestamp="soon"), "invalid_time"),
        (payload(timestamp=[1]), "invalid_time"),
        (payload(timestamp="2999-01-01T00:00:00Z"), "future_time"),
        (payload(data=[1]), "invalid_fields"),
        (b'{"type":"deal.won","x":"\\ud800"}', "invalid_text"),
        (b'{"type":"deal.won","data":' + b'{"a":' * 32 + b"1" + b"}" * 33, "nested_too_deeply"),
    ],
)
async def test_what_cannot_be_used_is_kept_with_its_reason(send: Any, log: FakeLog, sent: Any, expected: str) -> None:
    answer = await send(sent)
    assert (answer.status_code, answer.json()["problems"]) == (202, [{"index": 0, "reason": expected}])
    kept = json.loads(log.rejects[0].element.raw)
    assert kept["webhook-id"] == "msg_1"


async def test_a_retry_with_a_new_timestamp_is_the_same_event(http: httpx.AsyncClient, now: int, log: FakeLog) -> None:
    for age in (200, 0):
        await send_standard(http, BODY, now=now - age)
    first, again = log.changes
    assert (first.event, first.occurred_at, first.fields) == (again.event, again.occurred_at, again.fields)


async def test_an_odd_id_is_an_id(send: Any, now: int, log: FakeLog) -> None:
    body = BODY
    signed = v1(body, "msg 1", str(now))
    assert (await send(body, message_id="msg 1", signature=signed)).status_code == 202
    assert (await send(body, message_id="m" * 3000)).status_code == 202
    assert log.changes[0].event == "msg%201"
    assert len(log.changes[1].event) == 64


def test_the_secret_of_the_tests_is_the_published_one() -> None:
    assert SECRET == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
