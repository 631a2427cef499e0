"""Who may post to a HubSpot source."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.ingest.wiring import Ingest
from shared.domain.instants import SECOND_US
from tests.support.crm_sender import HUBSPOT_SECRET, HUBSPOT_URL, CrmSender, deal_property
from tests.support.fake_log import FakeLog
from tests.support.ingest_app import configure, hubspot_source

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
