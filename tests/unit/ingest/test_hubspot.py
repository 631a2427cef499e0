"""What HubSpot's events mean, through the real application on a fake log."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from services.ingest.wiring import Ingest
from shared.domain import instants
from tests.support.crm_sender import OCCURRED_AT_MS, CrmSender, deal_property, hubspot_event, object_property
from tests.support.fake_log import FakeLog
from tests.support.ingest_app import configure, hubspot_source


async def test_a_batch_is_stored_and_acknowledged(crm: CrmSender, log: FakeLog) -> None:
    events = [deal_property("amount", str(number), objectId=number) for number in range(1, 101)]
    answer = await crm.hubspot(events)
    assert (answer.status_code, answer.json()["accepted"], len(log.changes)) == (202, 100, 100)


async def test_an_object_id_beyond_doubles_stays_exact(crm: CrmSender, log: FakeLog) -> None:
    await crm.hubspot([deal_property("amount", "1.00", objectId=9007199254740993)])
    assert log.changes[0].record == "9007199254740993"


async def test_the_event_time_is_in_microseconds(crm: CrmSender, log: FakeLog) -> None:
    await crm.hubspot([deal_property("amount", "1")])
    assert log.changes[0].occurred_at == OCCURRED_AT_MS * 1000


@pytest.mark.parametrize(
    ("name", "value", "fields"),
    [
        ("amount", "999999999999999999.99", {"amount": "999999999999999999.99"}),
        ("amount", "", {"amount": None}),
        ("deal_currency_code", "USD", {"currency": "USD"}),
        ("dealname", "Žlutý kůň 🚀", {"dealname": "Žlutý kůň 🚀"}),
        ("closedate", "1795426200000", {"closedate": "1795426200000"}),
        ("dealstage", "", {"stage": None}),
        ("status", "on ice", {"crm_status": "on ice"}),
        ("account", "ours", {"crm_account": "ours"}),
        ("closed_lost_reason", "price", {"lost_reason": "price"}),
        ("hs_is_closed", "false", {"hs_is_closed": "false", "status": "open"}),
        ("hs_is_closed", "true", {"hs_is_closed": "true"}),
        ("hs_is_closed_won", "true", {"hs_is_closed_won": "true", "status": "won"}),
        ("hs_is_closed_won", "false", {"hs_is_closed_won": "false", "status": "open"}),
        ("hs_is_closed_won", "", {"hs_is_closed_won": None}),
        ("hs_is_closed_lost", "true", {"hs_is_closed_lost": "true", "status": "lost"}),
        ("hs_is_closed_lost", "false", {"hs_is_closed_lost": "false"}),
    ],
)
async def test_a_deals_property_becomes_fields(
    crm: CrmSender, log: FakeLog, name: str, value: str, fields: dict[str, Any]
) -> None:
    await crm.hubspot([deal_property(name, value)])
    assert (log.changes[0].type, log.changes[0].fields) == ("deal.updated", fields)


@pytest.mark.parametrize(
    ("stage", "status"), [("closedwon", "won"), ("closedlost", "lost"), ("appointmentscheduled", "open")]
)
async def test_a_stage_of_the_default_pipeline_sets_the_status(
    crm: CrmSender, log: FakeLog, stage: str, status: str
) -> None:
    await crm.hubspot([deal_property("dealstage", stage)])
    assert (log.changes[0].type, log.changes[0].fields) == ("deal.stage_changed", {"stage": stage, "status": status})


@pytest.mark.parametrize(("stage", "status"), [("7", "won"), ("8", "lost"), ("closedwon", "open")])
async def test_configured_stages_replace_the_default_ones(
    ingest: Ingest, crm: CrmSender, log: FakeLog, stage: str, status: str
) -> None:
    configure(ingest, hubspot_source(won_stages=frozenset({"7"}), lost_stages=frozenset({"8"})))
    await crm.hubspot([deal_property("dealstage", stage)])
    assert log.changes[0].fields["status"] == status


async def test_no_longer_won_gives_way_to_the_stage_of_the_same_instant(crm: CrmSender, log: FakeLog) -> None:
    await crm.hubspot([deal_property("hs_is_closed_won", "false"), deal_property("dealstage", "closedlost")])
    not_won, stage = log.changes
    assert (not_won.occurred_at, not_won.event) < (stage.occurred_at, stage.event)


async def test_where_stages_are_listed_no_longer_won_leaves_the_status_to_them(
    ingest: Ingest, crm: CrmSender, log: FakeLog
) -> None:
    configure(ingest, hubspot_source(won_stages=frozenset({"7"}), lost_stages=frozenset({"8"})))
    await crm.hubspot([deal_property("dealstage", "8"), deal_property("hs_is_closed_won", "false")])
    assert [change.fields.get("status") for change in log.changes] == ["lost", None]


async def test_an_owner_is_the_owners_id(crm: CrmSender, log: FakeLog) -> None:
    await crm.hubspot([deal_property("hubspot_owner_id", "468810689")])
    assert (log.changes[0].owner, log.changes[0].fields) == ("468810689", {})


async def test_an_empty_owner_clears(crm: CrmSender, log: FakeLog) -> None:
    await crm.hubspot([deal_property("hubspot_owner_id", "")])
    assert log.changes[0].owner is None


async def test_other_properties_say_nothing_of_the_owner(crm: CrmSender, log: FakeLog) -> None:
    await crm.hubspot([deal_property("amount", "5")])
    assert log.changes[0].owner is UNSET


@pytest.mark.parametrize(
    ("object_type_id", "event_type"),
    [
        ("0-3", "deal.created"),
        ("0-27", "task.created"),
        ("0-47", "meeting.booked"),
        ("0-48", "call.logged"),
        ("0-49", "email.sent"),
        ("0-136", "lead.created"),
    ],
)
async def test_a_creation_is_the_moment_of_its_object(
    crm: CrmSender, log: FakeLog, object_type_id: str, event_type: str
) -> None:
    await crm.hubspot([hubspot_event("object.creation", objectTypeId=object_type_id)])
    assert log.changes[0].type == event_type


@pytest.mark.parametrize(
    ("object_type_id", "name", "value", "fields"),
    [
        ("0-48", "hs_call_duration", "45500", {"duration_seconds": "45.5"}),
        ("0-48", "hs_call_duration", "45000", {"duration_seconds": "45"}),
        ("0-48", "hs_call_duration", "", {"duration_seconds": None}),
        ("0-48", "hs_call_duration", "45500.0", {"duration_seconds": "45.5"}),
        ("0-48", "hs_call_direction", "OUTBOUND", {"direction": "outbound"}),
        ("0-48", "hs_call_direction", "", {"direction": None}),
        (
            "0-49",
            "hs_email_direction",
            "INCOMING_EMAIL",
            {"hs_email_direction": "INCOMING_EMAIL", "direction": "inbound"},
        ),
        ("0-48", "hs_call_disposition", "connected", {"hs_call_disposition": "connected"}),
        ("0-136", "hs_lead_type", "NEW_BUSINESS", {"hs_lead_type": "NEW_BUSINESS"}),
        ("0-47", "hs_meeting_outcome", "NO_SHOW", {"hs_meeting_outcome": "NO_SHOW"}),
    ],
)
async def test_an_activitys_property_becomes_fields(
    crm: CrmSender, log: FakeLog, object_type_id: str, name: str, value: str, fields: dict[str, Any]
) -> None:
    await crm.hubspot([object_property(object_type_id, name, value)])
    assert (log.changes[0].verb, log.changes[0].fields) == ("updated", fields)


@pytest.mark.parametrize(
    ("value", "direction"),
    [("EMAIL", "outbound"), ("INCOMING_EMAIL", "inbound"), ("FORWARDED_EMAIL", None), ("", None)],
)
async def test_an_emails_direction_is_that_of_calls(
    crm: CrmSender, log: FakeLog, value: str, direction: str | None
) -> None:
    await crm.hubspot([object_property("0-49", "hs_email_direction", value)])
    assert log.changes[0].fields == {"hs_email_direction": value or None, "direction": direction}


@pytest.mark.parametrize(
    ("object_type_id", "name", "value", "event_type"),
    [
        ("0-47", "hs_meeting_outcome", "COMPLETED", "meeting.held"),
        ("0-47", "hs_meeting_outcome", "CANCELED", "meeting.canceled"),
        ("0-27", "hs_task_status", "COMPLETED", "task.completed"),
        ("0-27", "hs_task_status", "IN_PROGRESS", "task.updated"),
    ],
)
async def test_an_outcome_is_a_moment(
    crm: CrmSender, log: FakeLog, object_type_id: str, name: str, value: str, event_type: str
) -> None:
    await crm.hubspot([object_property(object_type_id, name, value)])
    assert log.changes[0].type == event_type


@pytest.mark.parametrize(
    ("object_type_id", "name", "moment"),
    [
        ("0-48", "hs_timestamp", "logged"),
        ("0-49", "hs_timestamp", "sent"),
        ("0-47", "hs_meeting_start_time", "held"),
        ("0-27", "hs_task_completion_date", "completed"),
    ],
)
@pytest.mark.parametrize("value", ["1795422600000", "2026-11-23T08:30:00Z"])
async def test_hubspots_own_time_of_a_moment_is_kept(
    crm: CrmSender, log: FakeLog, object_type_id: str, name: str, moment: str, value: str
) -> None:
    await crm.hubspot([object_property(object_type_id, name, value)])
    assert log.changes[0].times == {moment: instants.parse("2026-11-23T08:30:00Z")}


@pytest.mark.parametrize(
    ("object_type_id", "missing"),
    [
        ("0-3", ("owner", "stage", "amount", "currency")),
        ("0-14", ("owner",)),
        ("0-27", ("owner",)),
        ("0-47", ("owner", "hs_meeting_start_time")),
        ("0-48", ("owner", "direction", "duration_seconds")),
        ("0-49", ("owner", "direction")),
        ("0-136", ("owner",)),
    ],
)
async def test_a_creation_says_what_hubspot_has_to_be_asked_for(
    crm: CrmSender, log: FakeLog, object_type_id: str, missing: tuple[str, ...]
) -> None:
    await crm.hubspot([hubspot_event("object.creation", objectTypeId=object_type_id)])
    assert log.changes[0].missing == missing


@pytest.mark.parametrize("action", ["deletion", "restore"])
async def test_the_end_of_a_record_leaves_nothing_to_ask_for(crm: CrmSender, log: FakeLog, action: str) -> None:
    await crm.hubspot([hubspot_event(f"deal.{action}")])
    assert log.changes[0].missing == ()


@pytest.mark.parametrize(("action", "verb"), [("deletion", "deleted"), ("restore", "restored")])
async def test_deletion_and_restoration(crm: CrmSender, log: FakeLog, action: str, verb: str) -> None:
    await crm.hubspot([hubspot_event(f"deal.{action}")])
    assert log.changes[0].type == f"deal.{verb}"


def merged(**others: Any) -> dict[str, Any]:
    return hubspot_event("deal.merge", primaryObjectId=1, mergedObjectIds=[2, 3], objectId=1, **others)


async def test_a_merge_ends_each_loser(crm: CrmSender, log: FakeLog) -> None:
    await crm.hubspot([merged()])
    assert [(c.record, c.verb, c.fields) for c in log.changes] == [
        ("2", "merged", {"into": "1"}),
        ("3", "merged", {"into": "1"}),
    ]


async def test_a_merge_into_a_new_record_ends_the_primary_one_too(crm: CrmSender, log: FakeLog) -> None:
    await crm.hubspot([merged(newObjectId=9)])
    assert {c.record: c.fields["into"] for c in log.changes} == {"1": "9", "2": "9", "3": "9"}


async def test_a_merge_counts_as_one_element(crm: CrmSender) -> None:
    assert (await crm.hubspot([merged()])).json()["accepted"] == 1


@pytest.mark.parametrize(
    "again",
    [
        {"attemptNumber": 3},
        {"eventId": 99, "subscriptionId": 7},
        {"subscriptionType": "object.propertyChange", "objectTypeId": "0-3"},
    ],
)
async def test_the_same_change_said_again_is_the_same_event(
    crm: CrmSender, log: FakeLog, again: dict[str, Any]
) -> None:
    first = deal_property("dealstage", "closedwon")
    await crm.hubspot([first, first | again])
    assert log.changes[0] == log.changes[1]


@pytest.mark.parametrize(
    "other", [{"objectId": 5}, {"propertyName": "amount"}, {"propertyValue": "7"}, {"occurredAt": OCCURRED_AT_MS + 1}]
)
async def test_another_change_is_another_event(crm: CrmSender, log: FakeLog, other: dict[str, Any]) -> None:
    first = deal_property("dealname", "5")
    await crm.hubspot([first, {**first, "propertyValue": "5"} | other])
    assert log.changes[0].event != log.changes[1].event


async def test_event_type_is_read_where_subscription_type_is_missing(crm: CrmSender, log: FakeLog) -> None:
    said = deal_property("amount", "5")
    said["eventType"] = said.pop("subscriptionType")
    await crm.hubspot([said])
    assert log.changes[0].fields == {"amount": "5"}
