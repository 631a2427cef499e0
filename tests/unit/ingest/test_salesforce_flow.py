"""JSON of an administrator's own making: what names itself is understood, the rest waits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.ingest.domain.delivery import Accepted, Ignored, Outcome
from shared.domain.changes import RecordChange
from tests.support.salesforce_messages import (
    ANA,
    DEAL,
    NOW,
    cdc_source,
    changes_of,
    cometd,
    facts,
    outcomes,
    rejects_of,
)


def found(event: Any) -> list[Outcome]:
    return outcomes(json.dumps(event).encode(), cdc_source(options={"flow": True}))


def change_of(event: Any) -> RecordChange:
    return changes_of(found(event))[0]


def test_an_object_with_its_type() -> None:
    event = {"attributes": {"type": "Opportunity"}, "Id": DEAL[:15], "StageName": "Closed Won", "OwnerId": ANA[:15]}
    change = change_of(event)
    assert (change.type, change.record, change.owner, change.occurred_at) == ("deal.won", DEAL, ANA, NOW)


def test_an_object_that_its_id_names_in_an_administrators_spelling() -> None:
    event = {"record_id": DEAL, "amount": "12.50", "stage": "Proposal", "owner_id": ANA, "Region__c": "north"}
    change = change_of(event)
    assert (change.type, change.owner) == ("deal.updated", ANA)
    assert change.fields == {"amount": "12.50", "stage": "Proposal", "status": "open", "Region__c": "north"}


def test_the_same_callout_twice_is_one_event() -> None:
    event = {"Id": DEAL, "Amount": 5, "OwnerId": ANA, "LastModifiedDate": "2026-03-02T15:04:50.000+0000"}
    first, second = change_of(event), change_of(event)
    assert (first.occurred_at, first.event) == (second.occurred_at, second.event)
    assert first.occurred_at == NOW - 10_000_000


def test_an_event_of_our_own_form() -> None:
    event = {
        "id": "e1",
        "type": "deal.won",
        "occurred_at": "2026-03-02T15:00:00Z",
        "record": DEAL[:15],
        "rep": ANA[:15],
    }
    change = change_of(event)
    assert (change.type, change.record, change.owner, change.event) == ("deal.won", DEAL, ANA, "e1")


def test_a_platform_event_says_nothing_by_null() -> None:
    payload = {
        "CreatedDate": "2026-03-02T15:04:00.000Z",
        "CreatedById": ANA,
        "Record_Id__c": DEAL,
        "Amount__c": 7,
        "Stage__c": None,
    }
    event = cometd(payload, channel="/event/Deal_Changed__e")
    event["data"]["event"]["EventUuid"] = "b5c1"
    change = change_of(event)
    assert (change.verb, change.fields, change.event) == ("updated", {"amount": "7"}, f"b5c1:{DEAL}")
    assert change.occurred_at == NOW - 60_000_000
    assert facts([change]) == []


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"hello": "world"}, "unknown_type"),
        ({"Id": DEAL, "Amount": "much"}, "invalid_amount"),
        ({"object": "Opportunity", "Amount": 1}, "invalid_record"),
        ({"object": "Invoice__c", "Id": "a001I00000AbCdE"}, "unknown_type"),
        ({"attributes": {"type": 7}, "Id": DEAL}, "unknown_type"),
        ({"Id": DEAL, "LastModifiedDate": "2027-01-01T00:00:00Z"}, "future_time"),
    ],
)
def test_what_names_nothing_waits(event: Any, reason: str) -> None:
    assert [reject.reason for reject in rejects_of(found(event))] == [reason]


def test_objects_that_no_number_depends_on_are_ignored() -> None:
    (outcome,) = found({"attributes": {"type": "Contact"}, "Id": "0031I00000AbCdE"})
    assert isinstance(outcome, Ignored)
    assert not isinstance(outcome, Accepted)
