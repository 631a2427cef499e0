"""Who may post to a HubSpot source."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import Any

import pytest

from services.ingest.domain.delivery import Delivery
from services.ingest.providers import hubspot_signatures
from services.ingest.wiring import Ingest
from shared.domain.instants import SECOND_US
from shared.domain.sources import Limits
from tests.support.crm_sender import HUBSPOT_SECRET, HUBSPOT_URL, CrmSender, deal_property, v3_signature
from tests.support.fake_log import FakeLog
from tests.support.ingest_app import configure, hubspot_source
from tests.support.manual_clock import ManualClock

EVENTS = [deal_property("amount", "5000")]
TOLERANCE_US = 300 * SECOND_US


async def outcome(crm: CrmSender, **how: Any) -> tuple[int, str]:
    answer = await crm.hubspot(EVENTS, **how)
    return answer.status_code, answer.json().get("reason", "")


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"unsigned": True}, "missing_credentials"),
        ({"secret": "another"}, "bad_signature"),
        ({"tampered": True}, "bad_signature"),
        ({"signature": "é" * 44}, "bad_signature"),
        ({"signature": " "}, "bad_signature"),
        ({"signed_url": "http://hooks.example.com/v1/webhooks/hubspot"}, "bad_signature"),
        ({"stamp": ""}, "invalid_timestamp"),
        ({"stamp": "123"}, "invalid_timestamp"),
        ({"stamp": "17954262000000"}, "invalid_timestamp"),
        ({"stamp": "1795426200.00"}, "invalid_timestamp"),
        ({"age_us": TOLERANCE_US + 1000}, "stale_timestamp"),
        ({"age_us": -TOLERANCE_US - 1000}, "future_timestamp"),
        ({"legacy_v1": True}, "signature_version_not_allowed"),
        ({"workflow_v2": True}, "signature_version_not_allowed"),
    ],
)
async def test_a_wrong_sender_is_refused_and_nothing_is_stored(
    crm: CrmSender, log: FakeLog, how: dict[str, Any], reason: str
) -> None:
    assert await outcome(crm, **how) == (401, reason)
    assert not log.changes


@pytest.mark.parametrize("age_us", [0, TOLERANCE_US, -TOLERANCE_US])
async def test_five_minutes_either_way_are_tolerated(crm: CrmSender, age_us: int) -> None:
    assert await outcome(crm, age_us=age_us) == (202, "")


async def test_the_tolerance_is_the_sources_option(ingest: Ingest, crm: CrmSender) -> None:
    configure(ingest, hubspot_source(options={"tolerance": 10 * SECOND_US}))
    assert await outcome(crm, age_us=11 * SECOND_US) == (401, "stale_timestamp")


@pytest.mark.parametrize("secret", [HUBSPOT_SECRET, "the-new-one"])
async def test_any_of_several_secrets_matches(ingest: Ingest, crm: CrmSender, secret: str) -> None:
    configure(ingest, hubspot_source(secrets=("the-new-one", HUBSPOT_SECRET)))
    assert await outcome(crm, secret=secret) == (202, "")


async def test_the_query_is_part_of_what_is_signed(crm: CrmSender) -> None:
    assert await outcome(crm, query="b=2&a=%201") == (202, "")


async def test_what_hubspot_decodes_in_an_address_is_decoded(ingest: Ingest, crm: CrmSender) -> None:
    configure(ingest, hubspot_source(public_url="https://hooks.example.com/v1%2Fwebhooks/hubspot%20x"))
    assert await outcome(crm, signed_url="https://hooks.example.com/v1/webhooks/hubspot%20x") == (202, "")


async def test_the_rest_of_an_address_stays_encoded(ingest: Ingest, crm: CrmSender) -> None:
    configure(ingest, hubspot_source(public_url=f"{HUBSPOT_URL}%20x%26%3D"))
    assert await outcome(crm, signed_url=f"{HUBSPOT_URL}%20x%26%3D") == (202, "")


@pytest.mark.parametrize(
    ("option", "how"), [("allow_legacy_v1", {"legacy_v1": True}), ("allow_workflow_v2", {"workflow_v2": True})]
)
async def test_an_older_version_passes_where_it_is_allowed(
    ingest: Ingest, crm: CrmSender, option: str, how: dict[str, Any]
) -> None:
    configure(ingest, hubspot_source(options={option: True}))
    assert await outcome(crm, **how) == (202, "")


@pytest.mark.parametrize("how", [{"legacy_v1": True}, {"workflow_v2": True}])
async def test_an_allowed_older_version_still_has_to_match(ingest: Ingest, crm: CrmSender, how: dict[str, Any]) -> None:
    configure(ingest, hubspot_source(options={"allow_legacy_v1": True, "allow_workflow_v2": True}))
    assert await outcome(crm, tampered=True, **how) == (401, "bad_signature")


async def test_a_wrong_v3_signature_is_not_saved_by_a_right_v1(ingest: Ingest, crm: CrmSender) -> None:
    configure(ingest, hubspot_source(options={"allow_legacy_v1": True}))
    wrong_v3 = {"X-HubSpot-Signature-v3": "wrong", "X-HubSpot-Request-Timestamp": "1795426200000"}
    answer = await crm.hubspot(EVENTS, legacy_v1=True, more_headers=wrong_v3)
    assert (answer.status_code, answer.json()["reason"]) == (401, "bad_signature")


async def test_a_delivery_replayed_after_its_time_is_refused(crm: CrmSender, clock: Any) -> None:
    signed_at = str(clock.now() // 1000)
    clock.advance(timedelta(minutes=6))
    assert await outcome(crm, stamp=signed_at) == (401, "stale_timestamp")


def test_the_bytes_of_a_query_are_signed_as_they_came() -> None:
    """By the transport they are bytes of latin-1; nobody knows what they were meant to be."""
    now = 1_795_426_200_000_000
    stamp, secret = str(now // 1000), HUBSPOT_SECRET
    signed = b"POST" + HUBSPOT_URL.encode() + b"?name=\xc3\xa9/x" + b"[]" + stamp.encode()
    signature = base64.b64encode(hmac.digest(secret.encode(), signed, hashlib.sha256))
    headers = {b"x-hubspot-signature-v3": signature, b"x-hubspot-request-timestamp": stamp.encode()}
    delivery = Delivery(method="POST", headers=headers, body=b"[]", query=b"name=\xc3\xa9%2Fx".decode("latin-1"))
    assert hubspot_signatures.authenticate(delivery, hubspot_source(), now) == now


async def answered(crm: CrmSender, clock: ManualClock, *, query: str, signed: str) -> int:
    stamp = str(clock.now() // 1000)
    signature = v3_signature(HUBSPOT_SECRET, url=f"{HUBSPOT_URL}?{signed}", body=b"[]", stamp=stamp)
    return (await crm.hubspot(b"[]", query=query, stamp=stamp, signature=signature)).status_code


@pytest.mark.parametrize("code", ["3A", "2F", "3F", "40", "21", "24", "27", "28", "29", "2A", "2C", "3B"])
async def test_these_are_signed_decoded(crm: CrmSender, clock: ManualClock, code: str) -> None:
    character = chr(int(code, 16))
    assert await answered(crm, clock, query=f"a=%{code}", signed=f"a={character}") == 202
    assert await answered(crm, clock, query=f"a=%{code}", signed=f"a=%{code}") == 401


@pytest.mark.parametrize(
    "code", ["%20", "%22", "%23", "%25", "%26", "%2B", "%2D", "%2E", "%3D", "%5B", "%253A", "%C3%A9"]
)
async def test_everything_else_is_signed_as_it_is(crm: CrmSender, clock: ManualClock, code: str) -> None:
    assert await answered(crm, clock, query=f"a={code}", signed=f"a={code}") == 202


BESIDE_V3 = {"more_headers": {"X-HubSpot-Signature-Version": "v2"}}


@pytest.mark.parametrize(
    ("version", "says"),
    [({"workflow_v2": True}, "2000"), ({"legacy_v1": True}, "2"), ({}, "2"), (BESIDE_V3, "2")],
)
async def test_a_workflow_reads_the_time_to_wait_in_milliseconds(
    ingest: Ingest, crm: CrmSender, version: dict[str, Any], says: str
) -> None:
    allowed = {"allow_legacy_v1": True, "allow_workflow_v2": True}
    configure(ingest, hubspot_source(options=allowed, limits=Limits(requests_per_second=0.5, burst=1)))
    answers = [await crm.hubspot(EVENTS, **version) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 429]
    assert answers[1].headers["retry-after"] == says


async def test_only_a_429s_time_to_wait_is_read_in_milliseconds(ingest: Ingest, crm: CrmSender, log: FakeLog) -> None:
    configure(ingest, hubspot_source(options={"allow_workflow_v2": True}))
    log.away = True
    answer = await crm.hubspot(EVENTS, workflow_v2=True)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
