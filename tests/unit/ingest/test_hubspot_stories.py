"""HubSpot's events in any order, in several attempts, through both naming schemes: the same facts."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.instants import parse
from tests.support.crm_sender import OCCURRED_AT_MS, hubspot_event
from tests.support.ingest_app import hubspot_source
from tests.support.translations import facts

SOURCE = hubspot_source()
OBJECTS = {"deal": "0-3", "call": "0-48", "meeting": "0-47", "email": "0-49"}


def said(kind: str, action: str, record: int, after_s: int, **others: Any) -> dict[str, Any]:
    return hubspot_event(f"{kind}.{action}", objectId=record, occurredAt=OCCURRED_AT_MS + 1000 * after_s, **others)


def became(kind: str, record: int, after_s: int, name: str, value: str) -> dict[str, Any]:
    return said(kind, "propertyChange", record, after_s, propertyName=name, propertyValue=value)


def sale() -> list[dict[str, Any]]:
    """A deal is made, owned, raised twice in a millisecond's import, won; another is merged away; a third restored."""
    return [
        said("deal", "creation", 1, 0, changeFlag="NEW"),
        became("deal", 1, 0, "hubspot_owner_id", "7"),
        became("deal", 1, 0, "dealstage", "contractsent"),
        became("deal", 1, 5, "amount", "100.10"),
        became("deal", 1, 5, "dealname", "One"),
        became("deal", 1, 9, "amount", ""),
        became("deal", 1, 10, "amount", "250.25"),
        became("deal", 1, 20, "dealstage", "closedwon"),
        became("deal", 1, 20, "hs_is_closed_won", "true"),
        became("deal", 1, 60, "hubspot_owner_id", "8"),
        became("deal", 2, 1, "hubspot_owner_id", "7"),
        became("deal", 2, 2, "dealstage", "closedwon"),
        said("deal", "merge", 1, 70, primaryObjectId=1, mergedObjectIds=[2], numberOfPropertiesMoved=3),
        became("deal", 3, 1, "hubspot_owner_id", "7"),
        said("deal", "deletion", 3, 5),
        said("deal", "restore", 3, 6),
        said("call", "creation", 4, 0),
        became("call", 4, 1, "hubspot_owner_id", "7"),
        became("call", 4, 1, "hs_call_direction", "OUTBOUND"),
        became("call", 4, 1, "hs_call_duration", "61500"),
        became("call", 4, 1, "hs_timestamp", "1795422600000"),
        became("meeting", 5, 0, "hubspot_owner_id", "7"),
        said("meeting", "creation", 5, 0),
        became("meeting", 5, 30, "hs_meeting_outcome", "CANCELED"),
        said("email", "creation", 6, 0),
        became("email", 6, 1, "hubspot_owner_id", "7"),
        said("email", "deletion", 6, 2),
    ]


def again(event: dict[str, Any], attempt: int) -> dict[str, Any]:
    """The same by the generic subscription, as another event id, in a later attempt."""
    kind, _, action = event["subscriptionType"].partition(".")
    generic = {"subscriptionType": f"object.{action}", "objectTypeId": OBJECTS[kind], "subscriptionId": 99}
    return {**event, **generic, "eventId": 4711 + attempt, "attemptNumber": attempt}


def test_what_the_sale_comes_to() -> None:
    found = facts(SOURCE, [sale()])
    assert [(fact.kind, fact.record, fact.owner) for fact in found] == [
        ("call.logged", "4", "7"),
        ("deal.created", "1", "7"),
        ("deal.open", "3", "7"),
        ("deal.stage_entered", "1", "7"),
        ("deal.stage_entered", "1", "7"),
        ("deal.won", "1", "7"),
        ("meeting.booked", "5", "7"),
        ("meeting.canceled", "5", "7"),
    ]
    won = next(fact for fact in found if fact.kind == "deal.won")
    assert (won.at, won.fields["amount"]) == ((OCCURRED_AT_MS + 20_000) * 1000, "250.25")
    logged = found[0]
    assert (logged.at, logged.fields["duration_seconds"]) == (parse("2026-11-23T08:30:00Z"), "61.5")


@given(
    st.permutations(range(len(sale()))),
    st.lists(st.tuples(st.integers(0, len(sale()) - 1), st.integers(0, 9)), max_size=12),
)
@settings(max_examples=80, deadline=None)
def test_order_attempts_and_subscriptions_change_nothing(order: list[int], repeats: list[tuple[int, int]]) -> None:
    story = sale()
    sent = [story[index] for index in order] + [again(story[index], attempt) for index, attempt in repeats]
    half = len(sent) // 2
    assert facts(SOURCE, [sent[:half], sent[half:]]) == facts(SOURCE, [story])


@given(st.permutations(["10", "9", "200"]))
def test_several_values_of_one_millisecond_come_to_the_same_one_in_any_order(amounts: list[str]) -> None:
    owner = became("deal", 1, 0, "hubspot_owner_id", "7")
    found = facts(SOURCE, [[owner, *(became("deal", 1, 0, "amount", amount) for amount in amounts)]])
    assert [fact.fields["amount"] for fact in found] == ["9"]
