"""What a HubSpot workflow's body means: the object in both of the API's forms, and keys of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.domain.changes import RecordChange
from shared.domain.instants import parse
from tests.support.crm_sender import OCCURRED_AT_MS, CrmSender, hubspot_event
from tests.support.fake_log import FakeLog
from tests.support.ingest_app import hubspot_source
from tests.support.manual_clock import ManualClock
from tests.support.translations import changes, facts

SOURCE = hubspot_source()
STAGE_MS = OCCURRED_AT_MS - 5000
OLDER = {
    "portalId": 247279312,
    "objectType": "DEAL",
    "objectTypeId": "0-3",
    "objectId": 41122334455,
    "properties": {
        "dealstage": {"value": "closedwon", "timestamp": STAGE_MS},
        "amount": {"value": "5000"},
        "hubspot_owner_id": "468810689",
    },
}
NEWER = {
    "id": "41122334455",
    "properties": {
        "dealstage": "closedwon",
        "amount": "5000.50",
        "hubspot_owner_id": None,
        "createdate": "2026-11-20T08:00:00Z",
        "hs_lastmodifieddate": "2026-11-23T09:29:55.250Z",
    },
    "createdAt": "2026-11-20T08:00:00Z",
    "updatedAt": "2026-11-23T09:29:55.250Z",
    "archived": False,
}


def said(body: Any) -> dict[str, RecordChange]:
    """The changes by what each says."""
    return {
        change.event.split(":")[3].partition("=")[0].partition("@")[0]: change for change in changes(SOURCE, [body])
    }


async def test_the_older_form_says_each_property_at_its_time_or_the_newest(crm: CrmSender, log: FakeLog) -> None:
    await crm.hubspot(OLDER)
    assert {change.occurred_at for change in log.changes} == {STAGE_MS * 1000}
    assert [change.fields for change in log.changes] == [
        {"stage": "closedwon", "status": "won"},
        {"amount": "5000"},
        {},
    ]


def test_the_newer_form_is_as_of_its_last_change() -> None:
    found = said(NEWER)
    assert {change.occurred_at for mark, change in found.items() if mark != "creation"} == {
        parse("2026-11-23T09:29:55.25Z")
    }
    assert found["dealstage"].fields == {"stage": "closedwon", "status": "won"}
    assert (found["amount"].fields, found["hubspot_owner_id"].owner) == ({"amount": "5000.50"}, None)


def test_what_is_there_was_created_under_its_webhooks_id() -> None:
    created = hubspot_event("deal.creation", occurredAt=parse("2026-11-20T08:00:00Z") // 1000)
    (webhook,) = changes(SOURCE, [[created]])
    creation = said({**NEWER, "portalId": 247279312})["creation"]
    assert (creation.event, creation.occurred_at, creation.type) == (webhook.event, webhook.occurred_at, "deal.created")


def test_a_call_that_only_a_workflow_tells_of_counts() -> None:
    properties = {
        "hs_createdate": "2026-11-23T09:10:00Z",
        "hs_timestamp": "2026-11-23T09:00:00Z",
        "hs_call_direction": "OUTBOUND",
        "hs_call_duration": "61000",
        "hubspot_owner_id": "7",
    }
    (logged,) = facts(SOURCE, [{"id": "5", "properties": properties, "updatedAt": "2026-11-23T09:11:00Z"}])
    assert (logged.kind, logged.at, logged.owner) == ("call.logged", parse("2026-11-23T09:00:00Z"), "7")
    assert logged.fields.items() >= {"direction": "outbound", "duration_seconds": "61"}.items()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"dealId": 5, "properties": {"amount": {"value": "1"}}}, "deal"),
        ({"id": "5", "properties": {"hs_meeting_outcome": "COMPLETED"}}, "meeting"),
        ({"id": "5", "properties": {"hs_task_status": "COMPLETED"}}, "task"),
        ({"objectId": 5, "objectType": "MEETING_EVENT", "properties": {"hs_meeting_title": "x"}}, "meeting"),
    ],
)
def test_an_object_shows_of_which_type_it_is(body: dict[str, Any], kind: str) -> None:
    assert {(change.record_type, change.record) for change in changes(SOURCE, [body])} == {(kind, "5")}


async def test_without_any_time_it_is_as_of_its_receipt(crm: CrmSender, log: FakeLog, clock: ManualClock) -> None:
    clock.advance(timedelta(seconds=3))
    await crm.hubspot({"objectId": 5, "objectTypeId": "0-3", "properties": {"amount": "1"}})
    assert log.changes[0].occurred_at == clock.now()


async def test_the_same_body_again_is_the_same_events(crm: CrmSender, log: FakeLog, clock: ManualClock) -> None:
    await crm.hubspot(OLDER)
    clock.advance(timedelta(minutes=2))
    await crm.hubspot(OLDER)
    events = [(change.event, change.occurred_at) for change in log.changes]
    assert events[:3] == events[3:]


async def test_what_cannot_be_used_waits_beside_the_rest(crm: CrmSender, log: FakeLog) -> None:
    properties = {"amount": "1.234,56 €", "dealstage": "closedwon", "closedate": {"value": []}}
    answer = await crm.hubspot({"objectId": 5, "objectTypeId": "0-3", "properties": properties})
    assert (answer.status_code, answer.json()["accepted"], answer.json()["quarantined"]) == (202, 1, 1)
    assert [(reject.reason, reject.detail[:7]) for reject in log.rejects] == [("invalid_amount", "amount:")]
    assert [change.fields for change in log.changes] == [{"stage": "closedwon", "status": "won"}]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"example_field": "example_value"}, "unknown_type"),
        ({"amount": "5", "dealname": "x"}, "unknown_type"),
        ({"objectTypeId": "0-1", "objectId": 1, "properties": {"email": "x"}}, "unknown_type"),
        ({"id": "1", "properties": {"email": "x"}}, "unknown_type"),
        ({"id": "1", "properties": {"dealstage": "x", "hs_task_status": "x"}}, "unknown_type"),
        ({"id": "1", "properties": ["dealstage"]}, "unknown_type"),
        ({"objectTypeId": "0-3", "properties": {"amount": "5"}}, "invalid_record"),
        ({"objectTypeId": "0-3", "objectId": 1, "properties": {"amount": {"value": []}}}, "invalid_property"),
        ({"objectTypeId": "0-3", "objectId": 1, "properties": {"a": "5"}, "updatedAt": "noon"}, "invalid_time"),
        (
            {"objectTypeId": "0-3", "objectId": 1, "properties": {"a": "5"}, "updatedAt": "2286-01-01T00:00:00Z"},
            "future_time",
        ),
    ],
)
async def test_what_means_nothing_is_kept(crm: CrmSender, log: FakeLog, body: dict[str, Any], reason: str) -> None:
    answer = await crm.hubspot(body)
    assert (answer.status_code, [reject.reason for reject in log.rejects], log.changes) == (202, [reason], [])
