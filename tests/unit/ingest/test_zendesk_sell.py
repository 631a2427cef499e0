"""What Zendesk Sell's items mean, through the real application on a fake log."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from services.ingest.domain.delivery import Context, Delivery
from services.ingest.providers import zendesk_sell
from shared.domain import instants
from shared.domain.changes import RecordChange
from shared.domain.sources import Limits
from tests.support.provider_desk import facts_in, in_any_order
from tests.support.sell_messages import BEARER, EVENT_TIME, item, page, sell_desk, sell_source
from tests.unit.ingest.test_fuzz import JSON

LISTS: dict[str, Any] = {"won_stages": frozenset({"5", "6"}), "lost_stages": frozenset({"7"})}


async def said(kind: str = "deal", action: str = "updated", **others: Any) -> RecordChange:
    desk = sell_desk(**LISTS)
    answer = await desk.send(item(kind, action, **others), headers=BEARER)
    assert (answer.status_code, answer.json()["problems"]) == (202, [])
    return desk.change


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({"value": "1000.00", "currency": "EUR"}, {"amount": "1000.00", "currency": "EUR"}),
        ({"value": 99.5}, {"amount": "99.5"}),
        ({"value": None}, {"amount": None}),
        ({"stage_id": 3}, {"stage": "3", "status": "open"}),
        ({"stage_id": 6}, {"stage": "6", "status": "won"}),
        ({"stage_id": 7}, {"stage": "7", "status": "lost"}),
        ({"organization_id": 8, "contact_id": 9}, {"organization_id": "8", "contact_id": "9", "account": "8"}),
        ({"organization_id": None, "contact_id": 9}, {"organization_id": None, "contact_id": "9", "account": "9"}),
        ({"name": "Größe 🚀", "status": "x"}, {"name": "Größe 🚀", "crm_status": "x"}),
        ({"custom_fields": {"Region": "North", "tags": [1]}}, {"Region": "North"}),
        ({"custom_field_values": [{"custom_field": {"name": "Region"}, "value": 3}, 1]}, {"Region": "3"}),
    ],
)
async def test_a_deals_attributes_become_fields(data: dict[str, Any], fields: dict[str, Any]) -> None:
    assert (await said(**data)).fields == fields


async def test_without_lists_a_loss_reason_says_that_it_is_lost() -> None:
    desk = sell_desk()
    await desk.send(item(stage_id=3, loss_reason_id=1), headers=BEARER)
    assert desk.change.fields["status"] == "lost"


@pytest.mark.parametrize(
    ("stage", "previous", "verb"),
    [
        (5, {"stage_id": 3}, "won"),
        (7, {"stage_id": 3}, "lost"),
        (3, {"stage_id": 5}, "reopened"),
        (4, {"stage_id": 3}, "stage_changed"),
        (6, {"stage_id": 5}, "stage_changed"),
        (5, {"name": "x"}, "updated"),
        (5, None, "updated"),
    ],
)
async def test_what_it_was_before_says_what_happened(stage: int, previous: Any, verb: str) -> None:
    assert (await said(stage_id=stage, previous=previous)).verb == verb


@pytest.mark.parametrize(
    ("kind", "action", "event_type"),
    [
        ("deal", "created", "deal.created"),
        ("deal", "deleted", "deal.deleted"),
        ("deals", "created", "deal.created"),
        ("call", "created", "call.logged"),
        ("call", "updated", "call.updated"),
        ("appointment", "created", "meeting.booked"),
        ("task", "created", "task.created"),
        ("lead", "created", "lead.created"),
    ],
)
async def test_an_event_is_the_moment_of_its_object(kind: str, action: str, event_type: str) -> None:
    assert (await said(kind, action)).type == event_type


@pytest.mark.parametrize(
    ("others", "event_type"),
    [
        ({"completed": True, "previous": {"completed": False}}, "task.completed"),
        ({"completed": True, "completed_at": EVENT_TIME}, "task.completed"),
        ({"completed": True, "previous": {"content": "x"}}, "task.updated"),
        ({"completed": "true", "previous": {"completed": False}}, "task.updated"),
    ],
)
async def test_a_task_is_completed_once(others: dict[str, Any], event_type: str) -> None:
    assert (await said("task", **others)).type == event_type


async def test_a_conversion_is_a_moment_of_its_lead() -> None:
    change = await said("lead_conversion", "created", lead_id=7, converted_at=EVENT_TIME)
    assert (change.type, change.record, change.times) == ("lead.qualified", "7", {"qualified": change.occurred_at})


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({"incoming": False, "duration": 75}, {"direction": "outbound", "duration_seconds": "75"}),
        ({"incoming": True}, {"direction": "inbound"}),
        ({"incoming": None}, {"direction": None}),
        ({"associated_deal_ids": [4, 5]}, {"deal": "4"}),
        ({"resource_type": "contact", "resource_id": 9}, {"deal": None, "account": "9"}),
        ({"resource_type": "deal", "resource_id": 9}, {"deal": "9"}),
    ],
)
async def test_a_calls_attributes_become_fields(data: dict[str, Any], fields: dict[str, Any]) -> None:
    own = {name: str(data[name]) for name in ("resource_type", "resource_id") if name in data}
    assert (await said("call", **data)).fields == fields | own


@pytest.mark.parametrize(
    ("data", "owner"),
    [({"owner_id": 9001}, "9001"), ({"user_id": 9002}, "9002"), ({"owner_id": None}, None), ({}, UNSET)],
)
async def test_the_owner_is_who_owns(data: dict[str, Any], owner: Any) -> None:
    assert (await said("call", **data)).owner == owner


@pytest.mark.parametrize(
    ("kind", "data", "moment"),
    [
        ("call", {"made_at": EVENT_TIME}, "logged"),
        ("appointment", {"start_at": EVENT_TIME}, "held"),
        ("deal", {"stage_id": 5, "last_stage_change_at": EVENT_TIME}, "won"),
        ("deal", {"stage_id": 7, "last_stage_change_at": EVENT_TIME}, "lost"),
        ("deal", {"stage_id": 3, "last_stage_change_at": EVENT_TIME}, None),
        ("deal", {"stage_id": 6, "last_stage_change_at": EVENT_TIME, "previous": {"stage_id": 5}}, None),
    ],
)
async def test_the_objects_own_time_is_the_moments(kind: str, data: dict[str, Any], moment: str | None) -> None:
    assert (await said(kind, **data)).times == ({moment: instants.parse(EVENT_TIME)} if moment else {})


async def test_a_page_is_taken_whole_a_bad_item_aside() -> None:
    desk = sell_desk()
    answer = await desk.send(page(item(event_id="1"), 5, item("gadget"), item("contact")), headers=BEARER)
    receipt = answer.json()
    assert (receipt["accepted"], receipt["quarantined"], receipt["ignored"]) == (1, 2, 1)
    assert [problem["index"] for problem in receipt["problems"]] == [1, 2]


@pytest.mark.parametrize("body", [page(), []])
async def test_an_empty_page_is_nothing(body: Any) -> None:
    answer = await sell_desk().send(body, headers=BEARER)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 0)


async def test_a_page_larger_than_a_batch_is_refused() -> None:
    desk = sell_desk(limits=Limits(max_batch=2))
    assert (await desk.send(page(1, 2, 3), headers=BEARER)).status_code == 413


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer x"}, {"authorization": "Basic x"}])
async def test_only_the_pollers_token_is_taken(headers: dict[str, str]) -> None:
    assert (await sell_desk().send(page(), headers=headers)).status_code == 401


async def test_events_of_one_second_are_in_order_of_their_sequence() -> None:
    desk = sell_desk()
    for sequence, value in ((9, "1"), (10, "2"), (8, "3")):
        await desk.send(item(sequence=sequence, event_id=f"x{value}", value=value), headers=BEARER)
    (record,) = in_any_order(desk.log.changes).values()
    assert record.current_fields()["amount"] == "2"


async def test_a_deal_told_by_pages_in_any_order_counts_once() -> None:
    desk = sell_desk(**LISTS)
    story = [
        item(action="created", event_id="a", owner_id=1, stage_id=3, value="10", event_time="2026-03-02T10:00:00Z"),
        item(
            event_id="b",
            sequence=2,
            owner_id=1,
            stage_id=5,
            value="10",
            last_stage_change_at="2026-03-02T11:00:00Z",
            event_time="2026-03-02T11:00:02Z",
            previous={"stage_id": 3},
        ),
        item(
            event_id="c",
            sequence=3,
            owner_id=2,
            stage_id=5,
            value="12",
            last_stage_change_at="2026-03-02T11:00:00Z",
            event_time="2026-03-02T12:00:00Z",
            previous={"owner_id": 1, "value": "10"},
        ),
    ]
    await desk.send(page(*story), headers=BEARER)
    await desk.send(page(*story), headers=BEARER)
    in_any_order(desk.log.changes[:3])
    won = [fact for fact in facts_in(desk.log.changes) if fact.kind == "deal.won"]
    assert [(fact.at, fact.owner, fact.fields["amount"]) for fact in won] == [
        (instants.parse("2026-03-02T11:00:00Z"), "1", "12")
    ]


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        (item("gadget"), "unknown_type"),
        (item(action="merged"), "unknown_type"),
        (item(event_id=None), "missing_id"),
        (item(event_time=None), "missing_time"),
        (item(event_time="2026-03-04T15:04:54Z"), "future_time"),
        (item(event_time="yesterday"), "invalid_time"),
        (item(sequence="1"), "invalid_id"),
        (item(sequence=-1), "invalid_id"),
        (item(sequence=1.5), "invalid_id"),
        (item(previous=[]), "invalid_type"),
        (item(value="much"), "invalid_amount"),
        (item(owner_id=[1]), "invalid_record"),
        (item("call", incoming="no"), "invalid_fields"),
        (item("call", duration=-1), "invalid_duration"),
        ({"data": {"id": 1}}, "missing_type"),
        ({"data": None, "meta": item()["meta"]}, "missing_type"),
        ({"data": {}, "meta": item()["meta"]}, "invalid_record"),
        ({"meta": {"type": 1, "event_type": []}}, "invalid_type"),
        ({"items": 5}, "missing_type"),
    ],
)
async def test_what_cannot_be_used_waits_in_quarantine(spoilt: dict[str, Any], reason: str) -> None:
    desk = sell_desk()
    answer = await desk.send(spoilt, headers=BEARER)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 0)
    assert [reject.reason for reject in desk.log.rejects] == [reason]


async def test_an_item_that_is_tried_again_means_the_same() -> None:
    body = json.dumps(page(item(value="?"))).replace('"?"', "1.50").encode()
    elements = zendesk_sell.parse(Delivery(method="POST", headers={}, body=body), sell_source())
    again = [zendesk_sell.PROVIDER.reread(element.raw) for element in elements]
    context = Context(sell_source(), "d", instants.parse(EVENT_TIME))
    assert zendesk_sell.translate(again, context) == zendesk_sell.translate(elements, context)


DATA = ["value", "currency", "stage_id", "owner_id", "incoming", "duration", "associated_deal_ids", "resource_type"]
MORE = [*DATA, "custom_fields", "custom_field_values", "last_stage_change_at", "made_at", "completed", "id", "lead_id"]
META = ["event_id", "event_time", "sequence", "previous", "type", "event_type"]


@given(
    st.sampled_from(["deal", "call", "task", "appointment", "lead", "lead_conversion"]),
    st.dictionaries(st.sampled_from(MORE), JSON),
    st.dictionaries(st.sampled_from(META), JSON),
)
@settings(max_examples=150, deadline=None)
def test_anything_in_any_key_costs_its_neighbour_nothing(kind: str, data: dict[str, Any], meta: dict[str, Any]) -> None:
    desk = sell_desk(**LISTS)
    spoilt = item(kind, "created")
    body = page({"data": spoilt["data"] | data, "meta": spoilt["meta"] | meta}, item(event_id="good"))
    answer = desk.deliver(body, headers=BEARER)
    assert answer.status_code in {202, 400}  # 400: NaN and the like are no JSON
    if answer.status_code == 202:
        assert any(change.event.endswith(":good") for change in desk.log.changes)
