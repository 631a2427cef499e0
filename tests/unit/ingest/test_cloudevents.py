"""CloudEvents: who may send them, which are ones, and how they are told, through the real application."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from services.ingest.wiring import Ingest
from shared.domain.sources import Limits
from tests.support.cloud_senders import (
    AT_US,
    BATCHED,
    DEAL,
    TOKEN,
    cloud_event,
    cloudevents_source,
    send_binary,
    send_event,
)
from tests.support.fake_log import FakeLog
from tests.support.ingest_app import configure

ADDRESS = "/v1/webhooks/cloudevents"


@pytest.fixture(autouse=True)
def cloudevents(ingest: Ingest) -> None:
    configure(ingest, cloudevents_source(limits=Limits(max_batch=3)))


def reason(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["reason"]


async def test_all_three_modes_say_the_same(http: httpx.AsyncClient, log: FakeLog) -> None:
    await send_event(http, cloud_event(id="X"))
    await send_event(http, [cloud_event(id="X")], content_type=BATCHED)
    await send_binary(http, id="X")
    structured, batched, binary = log.changes
    for change in (structured, batched, binary):
        assert (change.type, change.record, change.owner, change.occurred_at) == ("deal.won", "8", "u1", AT_US)
        assert change.event == "https://crm.example.com/tenants/7 X"
        assert change.fields == {"amount": "1200.50", "currency": "EUR"}


@pytest.mark.parametrize(
    "content_type",
    ["Application/CloudEvents+JSON", "application/cloudevents; charset=UTF-8", "application/cloudevents+json;x=y"],
)
async def test_the_content_type_decides_the_mode_in_any_case(http: httpx.AsyncClient, content_type: str) -> None:
    headers = {"ce-id": "other", "ce-type": "x", "ce-source": "/x", "ce-specversion": "9"}
    answer = await send_event(http, cloud_event(), content_type=content_type, headers=headers)
    assert answer.json()["accepted"] == 1


async def test_a_batch_is_a_batch_although_its_type_begins_like_the_other(
    http: httpx.AsyncClient, log: FakeLog
) -> None:
    answer = await send_event(http, [cloud_event(id="1"), cloud_event(id="2")], content_type=BATCHED)
    assert (answer.status_code, answer.json()["accepted"], len(log.changes)) == (202, 2, 2)


async def test_an_empty_batch_is_a_batch(http: httpx.AsyncClient) -> None:
    answer = await send_event(http, [], content_type=BATCHED)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 0)


async def test_a_batch_over_the_cap_is_too_large(http: httpx.AsyncClient) -> None:
    assert reason(await send_event(http, [cloud_event()] * 4, content_type=BATCHED)) == (413, "too_many_elements")


async def test_one_that_is_none_refuses_the_batch_and_is_named(http: httpx.AsyncClient, log: FakeLog) -> None:
    answer = await send_event(http, [cloud_event(), cloud_event(id=...), 5], content_type=BATCHED)
    assert reason(answer) == (400, "invalid_cloudevent")
    assert answer.json()["problems"] == [
        {"index": 1, "reason": "missing_attribute"},
        {"index": 2, "reason": "not_an_object"},
    ]
    assert (log.changes, log.rejects) == ([], [])


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"{}", BATCHED, (400, "malformed_body")),
        (b"[]", "application/cloudevents+json", (400, "malformed_body")),
        (b"{", "application/cloudevents+json", (400, "malformed_body")),
        (b"<event/>", "application/cloudevents+xml", (415, "unsupported_media_type")),
        (b"\x00", "application/cloudevents-batch+avro", (415, "unsupported_media_type")),
        (b"{}", "application/json", (415, "unsupported_media_type")),
        (b"hello", "text/plain", (415, "unsupported_media_type")),
        (b"{}", None, (415, "unsupported_media_type")),
    ],
)
async def test_what_is_no_cloudevent_at_all(
    http: httpx.AsyncClient, body: bytes, content_type: str | None, expected: tuple[int, str]
) -> None:
    assert reason(await send_event(http, body, content_type=content_type)) == expected


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"specversion": ...}, "missing_attribute"),
    ({"specversion": "2.0"}, "unsupported_specversion"),
    ({"specversion": 1.0}, "unsupported_specversion"),
    ({"specversion": ""}, "unsupported_specversion"),
    ({"id": ...}, "missing_attribute"),
    ({"id": None}, "missing_attribute"),
    ({"id": ""}, "invalid_attribute"),
    ({"id": 7}, "invalid_attribute"),
    ({"id": "a\u0000b"}, "invalid_attribute"),
    ({"id": "\ud800"}, "invalid_text"),
    ({"source": ""}, "invalid_attribute"),
    ({"source": ["/x"]}, "invalid_attribute"),
    ({"type": ""}, "invalid_attribute"),
    ({"type": True}, "invalid_attribute"),
    ({"subject": ""}, "invalid_attribute"),
    ({"dataschema": {}}, "invalid_attribute"),
    ({"time": "2026-11-23T09:30:00"}, "invalid_time"),
    ({"time": "2026-11-23"}, "invalid_time"),
    ({"time": "2026-02-30T09:30:00Z"}, "invalid_time"),
    ({"time": 1763890200}, "invalid_attribute"),
    ({"traceParent": "00-1"}, "invalid_attribute"),
    ({"my_extension": "1"}, "invalid_attribute"),
    ({"extension": 1.5}, "invalid_attribute"),
    ({"extension": 2147483648}, "invalid_attribute"),
    ({"extension": [1]}, "invalid_attribute"),
    ({"data_base64": "e30="}, "invalid_data"),
    ({"data": ..., "data_base64": "e30"}, "invalid_data"),
    ({"data": ..., "data_base64": "e3 0="}, "invalid_data"),
    ({"data": ..., "data_base64": {}}, "invalid_data"),
    ({"data": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}, "nested_too_deeply"),
]


@pytest.mark.parametrize(("broken", "problem"), BROKEN)
async def test_what_breaks_the_specification_is_refused(
    http: httpx.AsyncClient, broken: dict[str, Any], problem: str
) -> None:
    answer = await send_event(http, cloud_event(**broken))
    assert reason(answer) == (400, "invalid_cloudevent")
    assert answer.json()["problems"] == [{"index": 0, "reason": problem}]


@pytest.mark.parametrize(
    "others",
    [
        {"subject": None, "dataschema": None, "data_base64": None},
        {"extension": True, "another": 2147483647, "third": "x"},
        {"time": "2016-12-31T23:59:60Z"},
        {"time": "2026-11-23t09:30:00.5+01:00"},
        {"datacontenttype": ...},
        {"datacontenttype": "application/vnd.example+json; charset=utf-8"},
    ],
)
async def test_what_the_specification_allows_is_taken(http: httpx.AsyncClient, others: dict[str, Any]) -> None:
    answer = await send_event(http, cloud_event(**others))
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)


async def test_data_in_base64_is_read(http: httpx.AsyncClient, log: FakeLog) -> None:
    wrapped = base64.b64encode(json.dumps(DEAL).encode()).decode()
    await send_event(http, cloud_event(data=..., data_base64=wrapped))
    assert log.changes[0].fields["amount"] == "1200.50"


@pytest.mark.parametrize(
    ("sent", "subject"),
    [
        (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        (b'"a \\"b\\" \\\\ %25"', 'a "b" \\ %'),
        (b"once%2525", "once%25"),
        (b"100%", "100%"),
        ("größe".encode(), "größe"),
    ],
)
async def test_a_headers_value_is_unescaped_and_decoded_once(
    http: httpx.AsyncClient, log: FakeLog, sent: bytes, subject: str
) -> None:
    answer = await send_binary(http, {"amount": 1}, subject=sent)
    assert answer.status_code == 202
    assert log.changes[0].record == subject


@pytest.mark.parametrize("sent", [b"%C0%A0", b"%ED%A0%80", b"caf\xe9", b"%FF", b""])
async def test_a_headers_value_that_is_no_text_is_refused(http: httpx.AsyncClient, sent: bytes) -> None:
    assert reason(await send_binary(http, subject=sent)) == (400, "invalid_cloudevent")


@pytest.mark.parametrize(
    "attributes",
    [
        {"id": ...},
        {"specversion": ...},
        {"specversion": "0.3"},
        {"time": "yesterday"},
        {"datacontenttype": "application/json"},
        {"data": "{}"},
        {"trace-id": "1"},
    ],
)
async def test_headers_that_break_the_specification_are_refused(
    http: httpx.AsyncClient, attributes: dict[str, Any]
) -> None:
    assert reason(await send_binary(http, **attributes)) == (400, "invalid_cloudevent")


@pytest.mark.parametrize("body", [b"{", b"1,2", b"1],[2", b"  ", b"NaN", b"\xff"])
async def test_json_data_that_is_none_is_refused(http: httpx.AsyncClient, body: bytes) -> None:
    assert reason(await send_binary(http, body)) == (400, "malformed_body")


async def test_half_a_surrogate_pair_in_the_data_is_refused(http: httpx.AsyncClient) -> None:
    assert reason(await send_binary(http, b'{"name":"\\ud800"}')) == (400, "invalid_cloudevent")


async def test_data_of_which_nothing_is_said_is_json_and_no_data_is_none(http: httpx.AsyncClient) -> None:
    untyped = await send_binary(http, content_type=None)
    nothing = await send_binary(http, b"", content_type=None, type="deal.deleted", subject="deal/8", id="2")
    assert (untyped.json()["accepted"], nothing.json()["accepted"]) == (1, 1)
    assert reason(await send_binary(http, b"<xml/>", content_type=None)) == (400, "malformed_body")


async def test_compressed_data_is_refused(http: httpx.AsyncClient) -> None:
    answer = await send_event(http, cloud_event(), headers={"Content-Encoding": "gzip"})
    assert reason(answer) == (415, "unsupported_media_type")


async def test_a_binary_event_is_kept_as_structured_json_and_read_again(http: httpx.AsyncClient, log: FakeLog) -> None:
    body = b'{ "amount":1.10,\n "name": "\\u00e9" }'
    await send_binary(http, body, type="com.example.widget.spun", subject="%C3%A9")
    (rejected,) = log.rejects
    kept = json.loads(rejected.element.raw)
    assert (kept["subject"], kept["data"], kept["id"]) == ("é", {"amount": 1.1, "name": "é"}, "B-1")
    assert body in rejected.element.raw
    again = await send_event(http, rejected.element.raw)
    assert again.json()["quarantined"] == 1


@pytest.mark.parametrize(
    ("token", "query", "status"),
    [
        (TOKEN, "", 202),
        ("old", "", 202),
        (None, "access_token=cloud%2Btoken%2F1", 202),
        (None, "x=1&access_token=cloud+token/1", 202),
        (TOKEN, "access_token=wrong", 202),
        ("wrong", "access_token=cloud%2Btoken%2F1", 401),
        (None, "access_token=wrong", 401),
        (None, "access_token=caf%E9", 401),
        (None, "access_token=", 401),
        (None, "access_token=old&access_token=old", 401),
        (None, "", 401),
    ],
)
async def test_the_token_is_in_the_header_or_in_the_query(
    http: httpx.AsyncClient, token: str | None, query: str, status: int
) -> None:
    answer = await send_event(http, cloud_event(), token=token, query=query)
    assert answer.status_code == status
    private = status == 202 and token is None
    assert answer.headers.get("cache-control") == ("private" if private else None)
    assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_the_query_is_no_place_where_the_source_says_so(http: httpx.AsyncClient, ingest: Ingest) -> None:
    configure(ingest, cloudevents_source(options={"access_token_query": False}))
    answer = await send_event(http, cloud_event(), token=None, query="access_token=old")
    assert reason(answer) == (401, "missing_credentials")


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        (None, None),
        ("120", "120"),
        ("12001", "12000"),
        ("*", "12000"),
        ("0", "12000"),
        ("abc", "12000"),
        ("9" * 40, "12000"),
    ],
)
async def test_an_allowed_origin_is_granted_its_rate(
    http: httpx.AsyncClient, ingest: Ingest, asked: str | None, granted: str | None
) -> None:
    configure(ingest, cloudevents_source(options={"allowed_origins": ("eventgrid.azure.net",)}))
    headers = {"WebHook-Request-Origin": "eventgrid.azure.net"} | ({"WebHook-Request-Rate": asked} if asked else {})
    headers["WebHook-Request-Callback"] = "http://127.0.0.1:1/confirm"
    answer = await http.request("OPTIONS", ADDRESS, headers=headers)
    assert (answer.status_code, answer.headers["allow"]) == (200, "POST")
    assert answer.headers["webhook-allowed-origin"] == "eventgrid.azure.net"
    assert answer.headers.get("webhook-allowed-rate") == granted


@pytest.mark.parametrize(
    ("origins", "origin", "status"),
    [
        (("eventgrid.azure.net",), "EventGrid.Azure.net", 200),
        (("*",), "anyone.example", 200),
        (("eventgrid.azure.net",), "evil.example", 403),
        (("eventgrid.azure.net",), None, 403),
        ((), "eventgrid.azure.net", 403),
        (("*",), "", 403),
    ],
)
async def test_only_an_allowed_origin_is_told_so(
    http: httpx.AsyncClient, ingest: Ingest, origins: tuple[str, ...], origin: str | None, status: int
) -> None:
    configure(ingest, cloudevents_source(options={"allowed_origins": origins}))
    headers = {} if origin is None else {"WebHook-Request-Origin": origin}
    answer = await http.request("OPTIONS", ADDRESS, headers=headers)
    assert answer.status_code == status
    assert ("webhook-allowed-origin" in answer.headers) == (status == 200)
