"""What Zoho's notifications mean, through the real application on a fake log."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import UNSET

from services.ingest.domain.delivery import Context, Delivery
from services.ingest.providers import zoho
from shared.domain import instants
from shared.domain.facts import FactKind
from tests.support.provider_desk import facts_in, in_any_order
from tests.support.zoho_messages import DEAL, SENT_MS, notification, zoho_desk, zoho_source

SENT_AT = SENT_MS * 1000


async def said(module: str = "Deals", operation: str = "update", **others: Any) -> Any:
    desk = zoho_desk()
    answer = await desk.send(notification(module, operation, **others))
    assert (answer.status_code, answer.json()["problems"]) == (202, [])
    return desk.change


@pytest.mark.parametrize(
    ("values", "verb", "fields"),
    [
        ({"Amount": -99.5}, "updated", {"amount": "-99.5"}),
        ({"Amount": 0.1}, "updated", {"amount": "0.1"}),
        ({"Amount": None, "Currency": "USD"}, "updated", {"amount": None, "currency": "USD"}),
        ({"Stage": "Closed Won"}, "won", {"stage": "Closed Won", "status": "won"}),
        ({"Stage": "Closed Lost"}, "lost", {"stage": "Closed Lost", "status": "lost"}),
        ({"Stage": "Qualification"}, "stage_changed", {"stage": "Qualification", "status": "open"}),
        ({"Stage": None}, "stage_changed", {"stage": None}),
        ({"Reason_For_Loss__s": "price"}, "updated", {"lost_reason": "price"}),
        ({"Account_Name": {"id": "77", "name": "Acme"}}, "updated", {"account": "77"}),
        ({"Contact_Name": {"id": "78", "name": "Ada"}}, "updated", {"Contact_Name": "78"}),
        ({"Closing_Date": "2026-03-31"}, "updated", {"Closing_Date": "2026-03-31"}),
        ({"status": "on ice"}, "updated", {"crm_status": "on ice"}),
        ({"Tag": ["a", 2, None]}, "updated", {"Tag": "a;2"}),
        ({"Layout": {"name": "x"}}, "updated", {}),
    ],
)
async def test_a_deals_values_become_fields(values: dict[str, Any], verb: str, fields: dict[str, Any]) -> None:
    change = await said(values=values)
    assert (change.type, change.fields, change.missing) == (f"deal.{verb}", fields, ())


async def test_an_amount_stays_the_text_that_was_sent() -> None:
    desk = zoho_desk()
    body = json.dumps(notification(ids=[1], values={"Amount": "?"})).replace('"?"', "12345678901234567.890")
    await desk.send(body.replace(f'"record_id": "{DEAL}"', '"record_id": 1').encode())
    assert (desk.change.record, desk.change.fields) == ("1", {"amount": "12345678901234567.890"})


@pytest.mark.parametrize(("stage", "status"), [("5", "won"), ("6", "lost"), ("Closed Won", "open")])
async def test_configured_stages_replace_the_default_ones(stage: str, status: str) -> None:
    desk = zoho_desk(won_stages=frozenset({"5"}), lost_stages=frozenset({"6"}))
    await desk.send(notification(values={"Stage": stage}))
    assert desk.change.fields["status"] == status


@pytest.mark.parametrize(
    ("values", "owner"),
    [({"Owner": {"id": "42", "name": "Olga"}}, "42"), ({"Owner": "42"}, "42"), ({"Owner": None}, None), ({}, UNSET)],
)
async def test_the_owner_is_the_owners_id(values: dict[str, Any], owner: Any) -> None:
    assert (await said(values={"Amount": 1} | values)).owner == owner


@pytest.mark.parametrize(
    ("module", "event_type"),
    [
        ("Deals", "deal.created"),
        ("Calls", "call.logged"),
        ("Events", "meeting.booked"),
        ("Tasks", "task.created"),
        ("Leads", "lead.created"),
        ("Quotes", "quote.created"),
    ],
)
async def test_an_insert_is_the_moment_of_its_module(module: str, event_type: str) -> None:
    assert (await said(module, "insert")).type == event_type


@pytest.mark.parametrize(
    ("module", "values", "event_type"),
    [
        ("Tasks", {"Status": "Completed"}, "task.completed"),
        ("Tasks", {"Status": "Deferred"}, "task.updated"),
        ("Calls", {"Outgoing_Call_Status": "Completed"}, "call.logged"),
        ("Calls", {"Call_Status": ["Completed"]}, "call.updated"),
        ("Leads", {"$converted": True}, "lead.qualified"),
        ("Leads", {"Converted__s": True}, "lead.qualified"),
        ("Leads", {"Converted__s": "true"}, "lead.updated"),
        ("Quotes", {"Quote_Stage": "Delivered"}, "quote.sent"),
    ],
)
async def test_values_that_are_the_sign_of_a_moment(module: str, values: dict[str, Any], event_type: str) -> None:
    assert (await said(module, values=values)).type == event_type


async def test_a_call_that_is_only_planned_is_not_logged() -> None:
    assert (await said("Calls", "insert", values={"Outgoing_Call_Status": "Scheduled"})).type == "call.created"


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"Call_Type": "Outbound"}, {"direction": "outbound"}),
        ({"Call_Type": "Missed"}, {"direction": "inbound"}),
        ({"Call_Type": None}, {"direction": None}),
        ({"Call_Duration_in_seconds": 75}, {"Call_Duration_in_seconds": "75", "duration_seconds": "75"}),
        ({"Call_Duration": "02:05"}, {"Call_Duration": "02:05", "duration_seconds": "125"}),
        ({"Call_Duration": "01:00:05"}, {"Call_Duration": "01:00:05", "duration_seconds": "3605"}),
        ({"Call_Duration": None}, {"Call_Duration": None, "duration_seconds": None}),
        ({"What_Id": {"id": "9"}, "$se_module": "Deals"}, {"deal": "9", "$se_module": "Deals"}),
        ({"What_Id": {"id": "9"}, "$se_module": "Leads"}, {"What_Id": "9", "deal": None, "$se_module": "Leads"}),
        ({"What_Id": None}, {"What_Id": None, "deal": None}),
    ],
)
async def test_a_calls_values_become_fields(values: dict[str, Any], fields: dict[str, Any]) -> None:
    change = await said("Calls", values=values)
    assert (change.fields, change.missing) == (fields, ())


@pytest.mark.parametrize(
    ("values", "missing"),
    [({"Call_Duration": "2"}, ("duration_seconds",)), ({"What_Id": {"id": "9"}}, ("deal",))],
)
async def test_what_values_do_not_make_clear_is_to_be_asked_for(
    values: dict[str, Any], missing: tuple[str, ...]
) -> None:
    assert (await said("Calls", values=values)).missing == missing


async def test_a_calls_own_time_is_the_moments() -> None:
    change = await said("Calls", "insert", values={"Call_Start_Time": "2026-03-02T10:00:00+01:00"})
    assert change.times == {"logged": instants.parse("2026-03-02T09:00:00Z")}


async def test_a_creation_without_values_names_what_counts() -> None:
    change = await said("Deals", "insert")
    assert change.missing == ("owner", "stage", "amount", "currency", "account", "status")


async def test_an_update_without_values_names_the_fields_that_changed() -> None:
    named = [{DEAL: ["Amount", "Owner", "Mobile", "status"]}]
    assert (await said(affected_fields=named)).missing == ("amount", "owner", "Mobile", "crm_status")


async def test_one_object_may_name_the_fields_of_several_records() -> None:
    desk = zoho_desk()
    await desk.send(notification(ids=["1", "2"], affected_fields=[{"1": ["Amount"], "2": ["Owner"]}]))
    assert [change.missing for change in desk.log.changes] == [("amount",), ("owner",)]


async def test_a_creation_with_values_still_has_an_owner_to_ask_for() -> None:
    assert (await said("Leads", "insert", values={"Company": "Acme"})).missing == ("owner",)


async def test_a_deletion_says_that_only() -> None:
    change = await said(operation="delete")
    assert (change.type, change.fields, change.missing) == ("deal.deleted", {}, ())


async def test_each_record_of_a_notification_takes_its_own_values() -> None:
    desk = zoho_desk()
    values = [
        {"record_id": "2", "values": {"Amount": 2}},
        {"record_id": "1", "values": {"Amount": 1}},
        {"record_id": "1", "values": {"Stage": "Closed Won"}},
    ]
    answer = await desk.send(notification(ids=["1", "2", "3"], affected_values=values))
    assert answer.json()["accepted"] == 3
    assert [(change.record, change.fields.get("amount")) for change in desk.log.changes] == [
        ("1", "1"),
        ("2", "2"),
        ("3", None),
    ]
    assert desk.log.changes[0].verb == "won"


async def test_values_of_a_record_that_is_not_named_are_kept() -> None:
    desk = zoho_desk()
    values = [{"record_id": "2", "values": {"Amount": 2}}, "nonsense"]
    answer = await desk.send(notification(ids=["1", {"id": 1}], affected_values=values))
    assert (answer.json()["accepted"], answer.json()["quarantined"]) == (1, 2)
    assert {reject.reason for reject in desk.log.rejects} == {"invalid_record"}


async def test_without_a_version_of_the_record_the_notifications_time_holds() -> None:
    change = await said(values={"Amount": 1})
    assert change.occurred_at == SENT_AT


async def test_sent_again_a_version_stays_where_it_was() -> None:
    """A retry may bear a new server_time: it must not undo what was said since."""
    desk = zoho_desk()
    first = {"Amount": 100, "Owner": "42", "Stage": "Closed Won", "Modified_Time": "2026-03-02T15:00:00+00:00"}
    second = {"Amount": 200, "Modified_Time": "2026-03-02T15:01:00+00:00"}
    await desk.send(notification(values=first))
    await desk.send(notification(values=second, server_time=SENT_MS + 60_000))
    await desk.send(notification(values=first, server_time=SENT_MS + 120_000))
    (record,) = in_any_order(desk.log.changes).values()
    assert record.current_fields()["amount"] == "200"
    won = [fact.at for fact in facts_in(desk.log.changes) if fact.kind == FactKind.DEAL_WON]
    assert won == [instants.parse("2026-03-02T15:00:00Z")]


async def test_within_one_second_what_was_sent_later_holds() -> None:
    desk = zoho_desk()
    for amount, sent in ((1, SENT_MS), (2, SENT_MS + 5), (3, SENT_MS + 400)):
        modified = {"Amount": amount, "Modified_Time": "2026-03-02T15:00:00Z"}
        await desk.send(notification(values=modified, server_time=sent))
    (record,) = in_any_order(desk.log.changes).values()
    assert record.current_fields()["amount"] == "3"


async def test_the_same_through_two_channels_is_one_event() -> None:
    desk = zoho_desk()
    await desk.send(notification(values={"Amount": 1}))
    await desk.send(notification(values={"Amount": 1}, channel_id="2"))
    assert len({(change.occurred_at, change.event) for change in desk.log.changes}) == 1


async def test_other_values_at_the_same_time_are_another_event() -> None:
    desk = zoho_desk()
    await desk.send(notification(values={"Amount": 1}))
    await desk.send(notification(values={"Amount": 2}))
    assert len({change.event for change in desk.log.changes}) == 2


async def test_a_call_that_is_told_twice_counts_once() -> None:
    desk = zoho_desk()
    values = {"Owner": "42", "Call_Start_Time": "2026-03-02T14:00:00Z"}
    await desk.send(notification("Calls", "insert", values=values))
    await desk.send(notification("Calls", "insert", values=values, server_time=SENT_MS + 60_000))
    in_any_order(desk.log.changes)
    assert [(fact.kind, fact.at) for fact in facts_in(desk.log.changes)] == [
        ("call.logged", instants.parse("2026-03-02T14:00:00Z"))
    ]


@pytest.mark.parametrize("module", ["Contacts", "Accounts", "Notes"])
async def test_what_no_number_depends_on_is_ignored(module: str) -> None:
    desk = zoho_desk()
    assert (await desk.send(notification(module))).json()["ignored"] == 1


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        ({"module": "CustomModule1"}, "unknown_type"),
        ({"operation": "convert"}, "unknown_type"),
        ({"module": None}, "missing_type"),
        ({"module": ["Deals"]}, "unknown_type"),
        ({"operation": {}}, "unknown_type"),
        ({"ids": []}, "invalid_record"),
        ({"ids": None}, "invalid_record"),
        ({"ids": "5725767000003000010"}, "invalid_record"),
        ({"ids": [1.5]}, "invalid_record"),
        ({"server_time": None}, "missing_time"),
        ({"server_time": True}, "invalid_time"),
        ({"server_time": -62_135_596_800_000}, "invalid_time"),
        ({"server_time": SENT_MS + 86_400_000 + 4000}, "future_time"),
        ({"values": {"Amount": "much"}}, "invalid_amount"),
        ({"values": {"Amount": True}}, "invalid_amount"),
        ({"values": {"Owner": ["42"]}}, "invalid_record"),
        ({"values": {"Stage": {}}}, "invalid_record"),
        ({"values": {"Modified_Time": "yesterday"}}, "invalid_time"),
        ({"values": [1]}, "invalid_fields"),
        ({"affected_fields": [{DEAL: [None]}]}, "invalid_fields"),
        ({"affected_fields": [{DEAL: "Amount"}]}, "invalid_fields"),
        ({"values": {"x": "\ud800"}}, "invalid_text"),
    ],
)
async def test_what_cannot_be_used_waits_in_quarantine(spoilt: dict[str, Any], reason: str) -> None:
    desk = zoho_desk()
    answer = await desk.send(notification(**spoilt))
    assert (answer.status_code, answer.json()["accepted"]) == (202, 0)
    assert [reject.reason for reject in desk.log.rejects] == [reason]


async def test_nothing_of_the_token_is_kept() -> None:
    desk = zoho_desk()
    await desk.send(
        notification("Custom", token=zoho_source().secrets[0], query_params={"key": "hush"}, ids=["1", "2"])
    )
    await desk.send(notification("Custom", query_params={"key": "hush"}, ids=[]))
    kept = b"".join(reject.element.raw for reject in desk.log.rejects)
    assert (len(desk.log.rejects), b"TOKEN" in kept, b"hush" in kept) == (3, False, False)


async def test_what_is_nested_beyond_all_measure_waits_whole() -> None:
    desk = zoho_desk()
    deep = b'{"token":"%s","module":"Deals","x":%s1%s}' % (zoho_source().secrets[0].encode(), b"[" * 700, b"]" * 700)
    answer = await desk.send(deep)
    assert answer.json()["problems"] == [{"index": 0, "reason": "nested_too_deeply"}]
    assert desk.log.rejects[0].element.raw == b'{"module":"Deals","x":%s1%s}' % (b"[" * 700, b"]" * 700)


async def test_an_element_that_is_tried_again_means_the_same() -> None:
    desk = zoho_desk()
    values = [{"record_id": "2", "values": {"Amount": 2.5, "Owner": None}}]
    body = json.dumps(notification(ids=["1", "2"], affected_values=values)).encode()
    delivery = Delivery(method="POST", headers={}, body=body)
    elements = zoho.parse(delivery, zoho_source())
    again = [zoho.PROVIDER.reread(element.raw) for element in elements]
    context = Context(zoho_source(), "d", desk.clock.now())
    assert zoho.translate(again, context) == zoho.translate(elements, context)


async def test_a_name_that_is_repeated_for_every_record_is_bounded() -> None:
    """A thousand records times a megabyte would be a gigabyte."""
    desk = zoho_desk()
    answer = await desk.send(notification("M" * 500_000, ids=[str(number) for number in range(1000)]))
    assert (answer.json()["quarantined"], len(desk.log.rejects)) == (1, 1)
