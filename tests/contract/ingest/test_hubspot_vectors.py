"""Recorded and published HubSpot requests, where the collection of them lies beside the project."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from services.ingest.wiring import build_ingest
from shared.domain.instants import SECOND_US
from tests.support.fake_log import FakeKept, FakeLog
from tests.support.ingest_app import configure, hubspot_source
from tests.support.manual_clock import ManualClock

REQUESTS = Path(__file__).resolve().parents[4] / "shared" / "vectors" / "requests.json"
OPTIONS = {"hubspot_allow_legacy_v1": "allow_legacy_v1", "hubspot_allow_workflow_v2": "allow_workflow_v2"}
EXPECTED_FIELDS = {
    "v3_huge_amount_decimal_string": [{"amount": "999999999999999999.99"}],
    "v3_missing_owner_empty_string": [{}],
    "v3_big_object_id_2e53_plus_1": [{"amount": "1.00"}],
    "unknown_event_type": [{"amount": "7"}],
    "workflow_webhook_v2_deal_body": [{"stage": "closedwon", "status": "won"}, {"amount": "5000"}, {}],
}


def cases() -> list[dict[str, Any]]:
    if not REQUESTS.is_file():
        return []
    return [case for case in json.loads(REQUESTS.read_text()) if case["crm"] == "hubspot"]


def body_of(case: dict[str, Any]) -> bytes:
    return base64.b64decode(case["body"]) if case["body_encoding"] == "base64" else case["body"].encode()


async def replay(case: dict[str, Any]) -> tuple[httpx.Response, FakeLog]:
    log = FakeLog()
    ingest = build_ingest(log, FakeKept(), ManualClock(case["now"] * SECOND_US), registry=CollectorRegistry())
    url, _, query = case["url"].partition("?")
    options = {OPTIONS[name]: value for name, value in case.get("config", {}).items() if name in OPTIONS}
    configure(ingest, hubspot_source(secrets=(case["secret"],), public_url=url, options=options))
    address = f"http://ingest/v1/webhooks/hubspot{'?' + query if query else ''}"
    headers = {name: value.encode("latin-1") for name, value in case["headers"].items()}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(ingest.app)) as http:
        return await http.request(case["method"], address, content=body_of(case), headers=headers), log


@pytest.mark.skipif(not REQUESTS.is_file(), reason="no collection of recorded requests beside the project")
@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case["name"]))
class TestRecordedRequest:
    async def test_gets_the_answer_that_its_sender_expects(self, case: dict[str, Any]) -> None:
        answer, _ = await replay(case)
        wanted = case["expect"].get("acceptable_status_classes", [case["expect"]["status_class"]])
        assert f"{answer.status_code // 100}xx" in wanted
        if answer.status_code >= 400:
            assert answer.status_code == case["expect"]["status_hint"]

    async def test_means_what_it_should(self, case: dict[str, Any]) -> None:
        _, log = await replay(case)
        expected = EXPECTED_FIELDS.get(case["name"])
        if expected is not None:
            assert [change.fields for change in log.changes] == expected
        else:
            assert not any("amount" in change.fields for change in log.changes)
