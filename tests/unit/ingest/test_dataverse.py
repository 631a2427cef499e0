"""What Dataverse's messages mean, through the real application on a fake log."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from services.ingest.domain.delivery import Context, Delivery
from services.ingest.providers import dataverse
from shared.domain import instants
from shared.domain.changes import RecordChange
from tests.support.dataverse_messages import (
    CODE,
    CREATED_MS,
    OWNER,
    RECORD,
    as_sent,
    dataverse_desk,
    dataverse_source,
    date,
    entity,
    execution,
    money,
    option,
    reference,
)
from tests.support.provider_desk import NOW_S, facts_in, in_any_order

LOSER = "aaaaaaaa-0000-4000-8000-000000000001"
EXCEEDED = {"x-ms-dynamics-msg-size-exceeded": "true"}


async def all_said(context: dict[str, Any], **source: Any) -> list[RecordChange]:
    desk = dataverse_desk(**source)
    answer = await desk.send(as_sent(context), query=CODE)
    assert (answer.status_code, answer.json()["problems"]) == (202, [])
    return desk.log.changes


async def said(message: str = "Update", name: str = "opportunity", **others: Any) -> RecordChange:
    (change,) = await all_said(execution(message, name, **others))
    return change


@pytest.mark.parametrize(
    ("target", "verb", "fields"),
    [
        ({"estimatedvalue": money(99.99)}, "updated", {"estimatedvalue": "99.99", "amount": "99.99"}),
        ({"estimatedvalue": money(None)}, "updated", {"estimatedvalue": None, "amount": None}),
        ({"estimatedvalue": None}, "updated", {"estimatedvalue": None, "amount": None}),
        ({"estimatedvalue": 7}, "updated", {"estimatedvalue": "7", "amount": "7"}),
        (
            {"estimatedvalue": money(5), "actualvalue": money(4)},
            "updated",
            {"estimatedvalue": "5", "actualvalue": "4", "amount": "4"},
        ),
        ({"actualvalue": None}, "updated", {"actualvalue": None}),
        (
            {"statecode": option(1), "statuscode": option(3)},
            "won",
            {"statecode": "1", "statuscode": "3", "status": "won"},
        ),
        ({"statecode": option(1)}, "won", {"statecode": "1", "status": "won"}),
        (
            {"statecode": option(2), "statuscode": option(5), "actualvalue": money(0)},
            "lost",
            {"statecode": "2", "statuscode": "5", "actualvalue": "0", "status": "lost", "lost_reason": "out_sold"},
        ),
        ({"statecode": option(0)}, "updated", {"statecode": "0", "status": "open"}),
        ({"statuscode": option(4)}, "lost", {"statuscode": "4", "status": "lost", "lost_reason": "canceled"}),
        ({"stageid": "S1", "stepname": "2-Develop"}, "stage_changed", {"stageid": "S1", "stepname": "2-Develop"}),
        ({"parentaccountid": reference("A1", "account")}, "updated", {"parentaccountid": "A1", "account": "a1"}),
        ({"name": "Größe 🚀"}, "updated", {"name": "Größe 🚀"}),
        ({"status": "x"}, "updated", {"crm_status": "x"}),
        ({"closed": date(1772377500000, "+0200")}, "updated", {"closed": "2026-03-01T15:05:00Z"}),
        ({"never": date(253402214400000)}, "updated", {"never": "/Date(253402214400000)/"}),
        ({"to": {"Entities": []}, "list": [1]}, "updated", {}),
    ],
)
async def test_an_opportunitys_attributes_become_fields(
    target: dict[str, Any], verb: str, fields: dict[str, Any]
) -> None:
    change = await said(target=target)
    if "stageid" in target:
        fields = fields | {"stage": "S1"}
    assert (change.type, change.fields, change.missing) == (f"deal.{verb}", fields, ())


async def test_a_reopened_opportunity_was_closed_before() -> None:
    assert (await said(target={"statecode": option(0)}, before={"statecode": option(1)})).verb == "reopened"


async def test_listed_stages_mean_won() -> None:
    (change,) = await all_said(execution(target={"stepname": "Done"}), won_stages=frozenset({"Done"}))
    assert change.fields["status"] == "won"


async def test_the_offset_of_a_date_is_for_display() -> None:
    assert (await said(target={})).occurred_at == CREATED_MS * 1000


@pytest.mark.parametrize(
    ("target", "owner"), [({"ownerid": reference(OWNER.upper())}, OWNER), ({"ownerid": None}, None), ({}, UNSET)]
)
async def test_the_owner_is_who_owns(target: dict[str, Any], owner: Any) -> None:
    assert (await said(target=target)).owner == owner


async def test_what_an_image_shows_of_what_did_not_change_is_said_too() -> None:
    before = {"ownerid": reference(OWNER), "new_region": option(3), "estimatedvalue": money(1), "statecode": option(1)}
    change = await said(target={"name": "x"}, before=before)
    assert (change.owner, change.fields) == (OWNER, {"name": "x", "new_region": "3"})


async def test_a_currency_is_only_referred_to() -> None:
    change = await said(target={"transactioncurrencyid": reference("c1", "transactioncurrency")})
    assert (change.fields, change.missing) == ({"transactioncurrencyid": "c1"}, ("currency",))


@pytest.mark.parametrize(
    ("name", "event_type"),
    [
        ("opportunity", "deal.created"),
        ("phonecall", "call.logged"),
        ("appointment", "meeting.booked"),
        ("email", "email.created"),
        ("task", "task.created"),
        ("lead", "lead.created"),
        ("quote", "quote.created"),
    ],
)
async def test_a_creation_is_the_moment_of_its_entity(name: str, event_type: str) -> None:
    change = await said("Create", name, target={"ownerid": reference(OWNER)})
    assert (change.type, change.owner, change.missing) == (event_type, OWNER, ())


@pytest.mark.parametrize(
    ("name", "target", "event_type"),
    [
        ("phonecall", {"statecode": option(1)}, "call.logged"),
        ("phonecall", {"statecode": option(2)}, "call.canceled"),
        ("phonecall", {"statecode": option(0)}, "call.updated"),
        ("appointment", {"statecode": option(1)}, "meeting.held"),
        ("appointment", {"statecode": option(2)}, "meeting.canceled"),
        ("appointment", {"statecode": option(3)}, "meeting.updated"),
        ("task", {"statecode": option(1)}, "task.completed"),
        ("email", {"statecode": option(1), "statuscode": option(3)}, "email.sent"),
        ("email", {"statuscode": option(4)}, "email.received"),
        ("lead", {"statecode": option(1)}, "lead.qualified"),
        ("lead", {"statecode": option(2)}, "lead.disqualified"),
        ("quote", {"statecode": option(1)}, "quote.sent"),
    ],
)
async def test_a_state_is_the_sign_of_a_moment(name: str, target: dict[str, Any], event_type: str) -> None:
    assert (await said("Update", name, target=target)).type == event_type
    state = {"State": target.get("statecode"), "Status": target.get("statuscode")}
    given = {key: value for key, value in state.items() if value is not None}
    assert (await said("SetState", name, parameters=given)).type == event_type


@pytest.mark.parametrize(
    ("attributes", "fields"),
    [
        ({"directioncode": True}, {"directioncode": True, "direction": "outbound"}),
        ({"directioncode": False}, {"directioncode": False, "direction": "inbound"}),
        ({"directioncode": None}, {"directioncode": None, "direction": None}),
        ({"actualdurationminutes": 12}, {"actualdurationminutes": "12", "duration_seconds": "720"}),
        ({"actualdurationminutes": 0.5}, {"actualdurationminutes": "0.5", "duration_seconds": "30"}),
        ({"actualdurationminutes": None}, {"actualdurationminutes": None, "duration_seconds": None}),
        ({"regardingobjectid": reference("D1", "opportunity")}, {"regardingobjectid": "D1", "deal": "d1"}),
        (
            {"regardingobjectid": reference("A1", "account")},
            {"regardingobjectid": "A1", "deal": None, "account": "a1"},
        ),
        ({"regardingobjectid": None}, {"regardingobjectid": None, "deal": None}),
    ],
)
async def test_a_calls_attributes_become_fields(attributes: dict[str, Any], fields: dict[str, Any]) -> None:
    assert (await said("Update", "phonecall", target=attributes)).fields == fields


@pytest.mark.parametrize(
    ("name", "attribute", "moment"),
    [("phonecall", "actualend", "logged"), ("appointment", "scheduledstart", "held"), ("email", "senton", "sent")],
)
async def test_the_entitys_own_time_is_the_moments(name: str, attribute: str, moment: str) -> None:
    change = await said("Update", name, target={attribute: date(1772377500000)})
    assert change.times == {moment: instants.parse("2026-03-01T15:05:00Z")}


async def test_a_win_knows_what_it_came_to_and_when() -> None:
    close = {"actualrevenue": money(118000), "actualend": date(1772377500000)}
    change = await said("Win", parameters={"OpportunityClose": entity(close), "Status": option(3)})
    assert (change.type, change.record, change.fields) == ("deal.won", RECORD, {"statuscode": "3", "amount": "118000"})
    assert change.times == {"won": instants.parse("2026-03-01T15:05:00Z")}


async def test_a_closing_date_without_a_time_of_day_names_no_instant() -> None:
    close = entity({"actualend": date(1772323200000)})
    change = await said("Win", parameters={"OpportunityClose": close})
    assert change.times == {"won": CREATED_MS * 1000}


async def test_a_loss_keeps_the_estimate_and_has_its_reason() -> None:
    close = entity({"actualrevenue": money(0)})
    change = await said("Lose", parameters={"OpportunityClose": close, "Status": option(5)})
    assert (change.type, change.fields) == ("deal.lost", {"statuscode": "5", "lost_reason": "out_sold"})


async def test_a_win_that_also_fires_an_update_counts_once() -> None:
    desk = dataverse_desk()
    created = {"ownerid": reference(OWNER), "estimatedvalue": money(120000), "statecode": option(0)}
    close = entity({"actualrevenue": money(118000), "actualend": date(1772377500000)})
    won = {"statecode": option(1), "statuscode": option(3), "actualvalue": money(118000)}
    stories = [
        execution("Create", target=created, OperationId="1", OperationCreatedOn=date(1772370000000)),
        execution("Win", parameters={"OpportunityClose": close}, OperationId="2"),
        execution(target=won, OperationId="3"),
        execution(target=won, OperationId="4", OperationCreatedOn=date(CREATED_MS + 12)),
    ]
    for context in stories:
        await desk.send(as_sent(context), query=CODE)
    (record,) = in_any_order(desk.log.changes).values()
    assert (record.current_fields()["amount"], record.current_fields()["status"]) == ("118000", "won")
    assert [(fact.at, fact.owner) for fact in facts_in(desk.log.changes) if fact.kind == "deal.won"] == [
        (instants.parse("2026-03-01T15:05:00Z"), OWNER)
    ]


async def test_an_assignment_says_the_owner() -> None:
    change = await said("Assign", parameters={"Target": reference(RECORD, "opportunity"), "Assignee": reference(OWNER)})
    assert (change.type, change.owner) == ("deal.updated", OWNER)


async def test_a_merge_ends_the_subordinate_and_gives_its_content_to_the_survivor() -> None:
    parameters = {
        "Target": reference(RECORD, "lead"),
        "SubordinateId": LOSER.upper(),
        "UpdateContent": entity({"subject": "both"}),
    }
    ended, survivor = await all_said(execution("Merge", "lead", parameters=parameters))
    assert (ended.type, ended.record, ended.fields) == ("lead.merged", LOSER, {"into": RECORD})
    assert (survivor.type, survivor.record, survivor.fields) == ("lead.updated", RECORD, {"subject": "both"})


async def test_a_qualified_lead_counts_once() -> None:
    desk = dataverse_desk()
    parameters = {"LeadId": reference(RECORD, "lead"), "Status": option(3)}
    await desk.send(as_sent(execution("QualifyLead", "lead", parameters=parameters, OperationId="1")), query=CODE)
    qualified = {"statecode": option(1), "ownerid": reference(OWNER)}
    await desk.send(as_sent(execution("Update", "lead", target=qualified, OperationId="2")), query=CODE)
    assert [fact.kind for fact in facts_in(desk.log.changes)] == ["lead.qualified"]


async def test_a_deletion_needs_nothing_of_its_content() -> None:
    change = await said("Delete", parameters={"Target": reference(RECORD, "opportunity")})
    assert (change.type, change.fields, change.missing) == ("deal.deleted", {}, ())


@pytest.mark.parametrize(
    ("message", "name", "event_type", "missing"),
    [
        ("Create", "phonecall", "call.logged", ("owner", "direction", "duration_seconds", "deal")),
        ("Update", "opportunity", "deal.updated", ("owner", "amount", "currency", "stage", "status", "account")),
        ("Win", "opportunity", "deal.won", ("amount",)),
        ("Assign", "opportunity", "deal.updated", ("owner",)),
        ("Delete", "opportunity", "deal.deleted", ()),
        ("QualifyLead", "lead", "lead.qualified", ("owner",)),
    ],
)
async def test_a_message_too_large_to_be_sent_along_is_not_lost(
    message: str, name: str, event_type: str, missing: tuple[str, ...]
) -> None:
    for context, headers in (
        (execution(message, name), EXCEEDED),
        (execution(message, name, InputParameters=None), {}),
    ):
        desk = dataverse_desk()
        await desk.send(as_sent(context), query=CODE, headers=headers)
        assert (desk.change.type, desk.change.missing) == (event_type, missing)


async def test_of_a_merge_too_large_to_be_sent_along_the_loser_is_unknown() -> None:
    desk = dataverse_desk()
    await desk.send(as_sent(execution("Merge", "lead")), query=CODE, headers=EXCEEDED)
    assert [reject.reason for reject in desk.log.rejects] == ["needs_resync"]


async def test_what_is_tried_again_still_knows_that_it_was_too_large() -> None:
    body = as_sent(execution("Create", "phonecall"))
    delivery = Delivery(method="POST", headers={name.encode(): b"1" for name in EXCEEDED}, body=body)
    elements = dataverse.parse(delivery, dataverse_source())
    again = [dataverse.PROVIDER.reread(element.raw) for element in elements]
    context = Context(dataverse_source(), "d", NOW_S * 1_000_000)
    assert dataverse.translate(again, context) == dataverse.translate(elements, context)


async def test_another_attempt_is_the_same_event() -> None:
    desk = dataverse_desk()
    for correlation in ("b374239d-4233-41a9-8b17-000000000001", "b374239d-4233-41a9-8b17-000000000002"):
        context = execution(target={"estimatedvalue": money(5)}, CorrelationId=correlation)
        await desk.send(as_sent(context), query=CODE)
    assert len({(change.occurred_at, change.event) for change in desk.log.changes}) == 1


@pytest.mark.parametrize(
    "other", [{"CorrelationId": "2"}, {"MessageName": "Assign"}, {"Depth": 2}, {"PrimaryEntityId": "2"}]
)
async def test_a_synchronous_step_is_told_apart_by_what_it_has(other: dict[str, Any]) -> None:
    desk = dataverse_desk()
    nothing = "00000000-0000-0000-0000-000000000000"
    for context in (
        execution(OperationId=nothing),
        execution(OperationId=nothing),
        execution(OperationId=None) | other,
    ):
        await desk.send(as_sent(context), query=CODE)
    assert len({change.event for change in desk.log.changes}) == 2


async def test_a_synchronous_step_without_its_time_has_the_records() -> None:
    target = {"modifiedon": date(CREATED_MS)}
    change = await said(target=target, OperationCreatedOn=date(-62_135_596_800_000))
    assert change.occurred_at == CREATED_MS * 1000


@pytest.mark.parametrize(
    ("message", "name"), [("Update", "account"), ("Create", "opportunityclose"), ("Associate", "opportunity")]
)
async def test_what_no_number_depends_on_is_ignored(message: str, name: str) -> None:
    desk = dataverse_desk()
    assert (await desk.send(as_sent(execution(message, name)), query=CODE)).json()["ignored"] == 1


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        (execution("Update", "new_custom"), "unknown_type"),
        (execution("BulkDelete"), "unknown_type"),
        (execution("Win", "lead"), "unknown_type"),
        (execution("QualifyLead", "lead"), "unknown_type"),
        (execution(MessageName=None), "missing_type"),
        (execution(MessageName=["Update"]), "invalid_type"),
        (execution(PrimaryEntityId=None), "invalid_record"),
        (execution(PrimaryEntityId={}), "invalid_record"),
        (execution(OperationCreatedOn=None), "missing_time"),
        (execution(OperationCreatedOn="/Date(x)/"), "invalid_time"),
        (execution(OperationCreatedOn=date(CREATED_MS + 90_000_000)), "future_time"),
        (execution(OperationId=None, CorrelationId=None), "missing_id"),
        (execution(InputParameters={"Target": 1}), "invalid_fields"),
        (execution(InputParameters=[{"value": 1}]), "invalid_fields"),
        (execution(PreEntityImages=[1]), "invalid_fields"),
        (execution(parameters={"Target": "x"}), "invalid_fields"),
        (execution(target={"estimatedvalue": money("much")}), "invalid_amount"),
        (execution(target={"estimatedvalue": money({})}), "invalid_amount"),
        (execution(target={"ownerid": OWNER}), "invalid_fields"),
        (execution(target={"statecode": option([1])}), "invalid_fields"),
        (execution("Update", "phonecall", target={"directioncode": "true"}), "invalid_fields"),
        (execution("Update", "phonecall", target={"actualdurationminutes": -1}), "invalid_duration"),
        (execution("Merge", "lead", parameters={"SubordinateId": RECORD}), "invalid_record"),
    ],
)
async def test_what_cannot_be_used_waits_in_quarantine(context: dict[str, Any], reason: str) -> None:
    desk = dataverse_desk()
    answer = await desk.send(as_sent(context), query=CODE)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 0)
    assert [reject.reason for reject in desk.log.rejects] == [reason]
