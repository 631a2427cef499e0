"""The answers of the webhook address: codes, problem documents, limits."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.ingest.wiring import Ingest
from shared.domain.sources import Limits
from tests.support.crm_sender import NATIVE_TOKEN, CrmSender, event
from tests.support.fake_log import FakeLog
from tests.support.ingest_app import configure, hubspot_source, native_source
from tests.support.manual_clock import ManualClock


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["reason"]


async def test_a_refusal_is_a_problem_document(crm: CrmSender) -> None:
    answer = await crm.native("{")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code == 400
    assert answer.json()["title"] == "Bad Request"


async def test_an_unknown_source_is_not_found(crm: CrmSender) -> None:
    assert refusal(await crm.native(event(), source="nobody")) == (404, "unknown_source")


async def test_a_path_behind_a_source_that_takes_none_is_not_found(crm: CrmSender) -> None:
    assert refusal(await crm.native(event(), path_token="/token")) == (404, "unknown_source")


@pytest.mark.parametrize(
    "path", ["/", "/v1/webhooks", "/v1/webhooks/", "/v1", "/docs", "/livez/", "//livez", "/v1/%2e%2e"]
)
async def test_anything_else_is_not_found_and_never_redirected(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_only_post_is_a_delivery(crm: CrmSender, method: str) -> None:
    answer = await crm.native(event(), method=method)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_operations_are_only_read(http: httpx.AsyncClient) -> None:
    assert refusal(await http.post("/livez")) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"token": None}, "missing_credentials"),
        ({"token": ""}, "missing_credentials"),
        ({"scheme": "Basic"}, "missing_credentials"),
        ({"token": "wrong"}, "wrong_credentials"),
        ({"token": NATIVE_TOKEN + "x"}, "wrong_credentials"),
    ],
)
async def test_a_wrong_token_is_refused(crm: CrmSender, log: FakeLog, how: dict[str, Any], reason: str) -> None:
    assert refusal(await crm.native(event(), **how)) == (401, reason)
    assert not log.changes


async def test_a_token_of_odd_bytes_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post(
        "/v1/webhooks/native", content=b"{}", headers={"Authorization": "Bearer é".encode("latin-1")}
    )
    assert refusal(answer) == (401, "wrong_credentials")


async def test_a_401_names_the_challenge(crm: CrmSender) -> None:
    assert (await crm.native(event(), token=None)).headers["www-authenticate"] == 'Bearer realm="webhooks"'


async def test_the_scheme_is_read_in_any_case(crm: CrmSender) -> None:
    assert (await crm.native(event(), scheme="bEARER")).status_code == 202


async def test_any_of_several_tokens_matches(ingest: Ingest, crm: CrmSender) -> None:
    configure(ingest, native_source(secrets=("new", NATIVE_TOKEN)))
    assert [(await crm.native(event(), token=token)).status_code for token in ("new", NATIVE_TOKEN)] == [202, 202]


async def test_authentication_comes_before_reading_the_body(crm: CrmSender) -> None:
    assert refusal(await crm.native("{", token="wrong")) == (401, "wrong_credentials")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"null",
        b"5",
        b'"text"',
        b"[1,]",
        b"[1 2]",
        b"[,]",
        b"{}{}",
        b"[]x",
        b"{'a': 1}",
        b'{"a": NaN}',
        b'[{"a": Infinity}]',
        b'{"a": 01}',
        b'{"a": "\x01"}',
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        b"\x00",
        b"[" * 9_000,
        b'{"a":' * 1_500,
    ],
)
async def test_rubbish_is_refused_whole(crm: CrmSender, log: FakeLog, body: bytes) -> None:
    assert refusal(await crm.native(body)) == (400, "malformed_body")
    assert not log.rejects


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=utf-8", "application/x+json", None]
)
async def test_json_by_any_of_its_names_is_read(crm: CrmSender, content_type: str | None) -> None:
    assert (await crm.native(event(), content_type=content_type)).status_code == 202


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
async def test_another_media_type_is_refused(crm: CrmSender, content_type: str) -> None:
    assert refusal(await crm.native(event(), content_type=content_type)) == (415, "unsupported_media_type")


async def test_a_compressed_body_is_refused(crm: CrmSender) -> None:
    answer = await crm.native(gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"})
    assert refusal(answer) == (415, "unsupported_media_type")


async def test_a_body_that_says_it_is_too_large_is_refused_unread(crm: CrmSender) -> None:
    answer = await crm.native(b" " * 10_001)
    assert refusal(answer) == (413, "body_too_large")


async def test_a_body_at_the_limit_is_read(crm: CrmSender) -> None:
    assert refusal(await crm.native(b" " * 10_000)) == (400, "malformed_body")


async def test_a_body_in_chunks_is_cut_off_at_the_limit(http: httpx.AsyncClient) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1000
            yield b" " * 1000

    answer = await http.post(
        "/v1/webhooks/native", content=chunks(), headers={"Authorization": f"Bearer {NATIVE_TOKEN}"}
    )
    assert refusal(answer) == (413, "body_too_large")
    assert sent <= 12_000


async def test_a_body_in_chunks_is_read_whole(http: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"id":"1","type":"deal.won",'
        yield b'"occurred_at":"2026-11-23T09:30:00Z"}'

    answer = await http.post(
        "/v1/webhooks/native", content=chunks(), headers={"Authorization": f"Bearer {NATIVE_TOKEN}"}
    )
    assert answer.status_code == 202


async def test_a_batch_at_the_limit_is_taken(crm: CrmSender) -> None:
    assert (await crm.native([event(str(number)) for number in range(100)])).json()["accepted"] == 100


async def test_a_larger_batch_is_refused_whole(crm: CrmSender, log: FakeLog) -> None:
    assert refusal(await crm.native([event(str(number)) for number in range(101)])) == (413, "too_many_elements")
    assert not log.changes


async def test_over_the_rate_the_sender_is_told_how_long_to_wait(ingest: Ingest, crm: CrmSender) -> None:
    configure(ingest, native_source(limits=Limits(requests_per_second=0.5, burst=2)))
    answers = [await crm.native(event()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert (answers[2].headers["retry-after"], answers[2].json()["reason"]) == ("2", "rate_limited")


async def test_after_that_time_it_may_send_again(ingest: Ingest, crm: CrmSender, clock: ManualClock) -> None:
    configure(ingest, native_source(limits=Limits(requests_per_second=0.5, burst=1)))
    await crm.native(event())
    clock.advance(timedelta(seconds=2))
    assert (await crm.native(event())).status_code == 202


async def test_one_sources_flood_is_not_anothers(ingest: Ingest, crm: CrmSender) -> None:
    configure(ingest, native_source(limits=Limits(burst=1)), hubspot_source())
    await crm.native(event())
    assert (await crm.hubspot([])).status_code == 202


async def test_who_cannot_authenticate_uses_up_nobodys_allowance(ingest: Ingest, crm: CrmSender) -> None:
    configure(ingest, native_source(limits=Limits(burst=1)))
    for _ in range(5):
        await crm.native(event(), token="wrong")
    assert (await crm.native(event())).status_code == 202


async def test_a_reload_does_not_refill_an_unchanged_allowance(ingest: Ingest, crm: CrmSender) -> None:
    for _ in range(2):
        configure(ingest, native_source(limits=Limits(burst=1)))
        answer = await crm.native(event())
    assert answer.status_code == 429


async def test_a_source_that_is_gone_after_a_reload_is_not_found(ingest: Ingest, crm: CrmSender) -> None:
    configure(ingest, hubspot_source())
    assert refusal(await crm.native(event())) == (404, "unknown_source")


async def test_a_source_of_an_unknown_provider_is_no_address(ingest: Ingest, crm: CrmSender) -> None:
    configure(ingest, native_source(provider="smoke_signals"))
    assert (await crm.native(event())).status_code == 404


async def test_without_kafka_the_sender_is_asked_to_come_back(crm: CrmSender, log: FakeLog) -> None:
    log.away = True
    answer = await crm.native(event())
    assert (refusal(answer), answer.headers["retry-after"]) == ((503, "kafka_unavailable"), "5")


async def test_a_batch_that_is_half_stored_is_not_accepted(crm: CrmSender, log: FakeLog) -> None:
    log.breaks_after = 1
    assert refusal(await crm.native([event("1"), event("2")])) == (503, "kafka_unavailable")


async def test_a_batch_sent_again_after_that_says_the_same(crm: CrmSender, log: FakeLog) -> None:
    log.breaks_after = 1
    await crm.native([event("1"), event("2")])
    log.breaks_after = None
    await crm.native([event("1"), event("2")])
    assert {change.event for change in log.changes} == {"1", "2"}


async def test_an_event_too_large_for_the_log_is_refused(crm: CrmSender, log: FakeLog) -> None:
    log.largest = 10
    assert refusal(await crm.native(event())) == (413, "body_too_large")


async def test_a_bug_is_never_a_500(crm: CrmSender, log: FakeLog) -> None:
    del log.changes  # the fake breaks in a way that no port promises
    answer = await crm.native(event())
    assert (refusal(answer), answer.headers["retry-after"]) == ((503, "unexpected"), "30")


async def test_a_sender_that_hangs_up_gets_no_answer(ingest: Ingest, log: FakeLog) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/webhooks/native", "headers": [], "query_string": b""}
    await ingest.app(scope, receive, send)
    assert (sent, log.changes) == ([], [])
