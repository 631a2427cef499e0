"""Whatever is sent: an answer of the contract, never a crash."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from services.ingest.wiring import build_ingest
from tests.support.crm_sender import CrmSender, event, hubspot_event
from tests.support.fake_log import FakeKept, FakeLog
from tests.support.ingest_app import configure, hubspot_source, native_source
from tests.support.manual_clock import ManualClock

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["", "0-3", "1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
CLIENT_CODES = {202, 400, 401, 413, 415}


def answer_to(provider: str, body: bytes) -> httpx.Response:
    async def send() -> httpx.Response:
        clock, log = ManualClock(), FakeLog()
        ingest = build_ingest(log, FakeKept(), clock, registry=CollectorRegistry())
        configure(ingest, native_source(), hubspot_source())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(ingest.app), base_url="http://ingest") as http:
            crm = CrmSender(http, clock)
            answer = await (crm.native(body) if provider == "native" else crm.hubspot(body))
        for change in log.changes:
            change.key.encode()
            json.dumps(change.fields, ensure_ascii=False).encode()
        return answer

    return asyncio.run(send())


def as_body(value: Any) -> bytes:
    return json.dumps(value).encode()


@given(st.sampled_from(["native", "hubspot"]), st.binary(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_bytes_get_an_answer(provider: str, body: bytes) -> None:
    assert answer_to(provider, body).status_code in CLIENT_CODES


@given(st.sampled_from(["native", "hubspot"]), JSON)
@settings(max_examples=100, deadline=None)
def test_any_json_gets_an_answer(provider: str, value: Any) -> None:
    assert answer_to(provider, as_body(value)).status_code in CLIENT_CODES


@given(
    st.dictionaries(st.sampled_from(["id", "type", "occurred_at", "rep", "record", "fields", "url"]), JSON, min_size=1)
)
@settings(max_examples=150, deadline=None)
def test_a_native_event_with_anything_in_its_keys_gets_an_answer(spoilt: dict[str, Any]) -> None:
    assert answer_to("native", as_body([event() | spoilt, event()])).status_code in CLIENT_CODES


HUBSPOT_KEYS = [
    "subscriptionType",
    "objectTypeId",
    "objectId",
    "portalId",
    "occurredAt",
    "propertyName",
    "propertyValue",
    "mergedObjectIds",
    "newObjectId",
    "properties",
]
SUBSCRIPTIONS = ["deal.propertyChange", "object.propertyChange", "call.propertyChange", "deal.merge", "object.creation"]


@given(st.sampled_from(SUBSCRIPTIONS), st.dictionaries(st.sampled_from(HUBSPOT_KEYS), JSON, min_size=1))
@settings(max_examples=150, deadline=None)
def test_a_hubspot_event_with_anything_in_its_keys_costs_its_neighbour_nothing(
    subscription: str, spoilt: dict[str, Any]
) -> None:
    body = as_body([hubspot_event(subscription) | spoilt, hubspot_event("deal.creation")])
    answer = answer_to("hubspot", body)
    assert answer.status_code in {202, 400}
    if answer.status_code == 202:
        assert answer.json()["accepted"] >= 1
