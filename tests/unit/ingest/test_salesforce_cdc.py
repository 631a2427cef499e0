"""Salesforce's change events in every wrapper: what is sure is used, what is not waits, nothing is guessed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from services.ingest.domain.delivery import Accepted, Ignored, Outcome
from services.ingest.domain.refusals import RefusalReason, Refused
from services.ingest.wiring import Ingest
from shared.domain import instants
from shared.domain.changes import RecordChange
from tests.support.fake_log import FakeLog
from tests.support.ingest_app import configure
from tests.support.manual_clock import ManualClock
from tests.support.salesforce_messages import (
    ANA,
    BEN,
    DEAL,
    NOW,
    RELAY_TOKEN,
    TASK,
    cdc_source,
    change_event,
    changes_of,
    cometd,
    eventbridge,
    facts,
    outcomes,
    rejects_of,
)

COMMITTED_AT = instants.parse("2026-03-02T15:04:55Z")
OTHER = "0061I00000AbCdFQAV"
TRANSACTION = "00000466-3d4f-bbe3-9c2b-5ab0fb45cc02"


def found(*events: Any, **source: Any) -> list[Outcome]:
    body = json.dumps(events[0] if len(events) == 1 else events).encode()
    return outcomes(body, cdc_source(**source))


def changes(*events: Any, **source: Any) -> list[RecordChange]:
    return changes_of(found(*events, **source))


@pytest.fixture
def send(ingest: Ingest, http: httpx.AsyncClient, clock: ManualClock) -> Callable[..., Any]:
    clock.set(NOW)
    configure(ingest, cdc_source())

    async def posted(event: Any, token: str = RELAY_TOKEN) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"}
        return await http.post("/v1/webhooks/sfe", json=event, headers=headers)

    return posted


async def test_a_relay_gets_the_receipt(send: Callable[..., Any], log: FakeLog) -> None:
    answer = await send([change_event("CREATE"), cometd(change_event("DELETE", recordIds=[OTHER]))])
    assert (answer.status_code, answer.json()["accepted"], len(log.changes)) == (202, 2, 2)


async def test_another_token_is_refused(send: Callable[..., Any]) -> None:
    assert (await send(change_event(), token="nope")).status_code == 401


async def test_a_flow_gets_an_empty_object(ingest: Ingest, send: Callable[..., Any]) -> None:
    configure(ingest, cdc_source(options={"flow": True}))
    for event in (change_event("CREATE"), {"anything": "else"}):
        answer = await send(event)
        assert (answer.status_code, answer.content) == (200, b"{}")


@pytest.mark.parametrize(
    "wrap", [lambda event: event, cometd, eventbridge, lambda event: cometd(event)["data"], lambda e: {"detail": e}]
)
def test_every_wrapper_says_the_same(wrap: Callable[[Any], Any]) -> None:
    fields = {"Amount": 40000, "StageName": "Prospecting", "IsClosed": False, "IsWon": False, "OwnerId": ANA}
    (change,) = changes(wrap(change_event("CREATE", fields)))
    assert (change.type, change.record, change.owner, change.occurred_at) == ("deal.created", DEAL, ANA, COMMITTED_AT)
    assert change.event == f"{TRANSACTION}:0000000001:{DEAL}"
    ours = {name: change.fields[name] for name in ("amount", "stage", "status")}
    assert ours == {"amount": "40000", "stage": "Prospecting", "status": "open"}


def test_pub_sub_nulls_say_nothing_unless_they_are_listed() -> None:
    nulls = {"Name": None, "Amount": None, "OwnerId": None, "StageName": "Negotiation"}
    silent = changes(change_event(fields=nulls, changedFields=["StageName"]))[0]
    assert (silent.verb, silent.owner, silent.fields) == (
        "stage_changed",
        UNSET,
        {"stage": "Negotiation", "status": "open"},
    )
    names = ["Amount", "OwnerId"]
    listed = changes(change_event(fields=nulls, changedFields=names, nulledFields=names))
    assert (listed[0].owner, listed[0].fields["amount"], "Name" in listed[0].fields) == (None, None, False)
    stripped = changes(change_event(changedFields=names, nulledFields=names))
    assert (stripped[0].owner, stripped[0].fields) == (None, {"amount": None})
    changed_alone = changes(change_event(fields={"Amount": None}, changedFields=["Amount"]))[0]
    assert changed_alone.fields == {"amount": None}


def test_what_changed_and_was_not_sent_along_is_missing() -> None:
    (change,) = changes(
        change_event(fields={"StageName": "x"}, changedFields=["StageName", "Amount", "OwnerId", "Name"])
    )
    assert (change.missing, "amount" in change.fields, change.owner) == (("amount", "owner"), False, UNSET)


def test_cometds_nulls_clear() -> None:
    change = changes(cometd(change_event(fields={"Amount": None, "OwnerId": None})))[0]
    assert (change.owner, change.fields) == (None, {"amount": None})


def test_an_undecoded_bitmap_is_used_as_far_as_it_is_sure() -> None:
    event = change_event(
        fields={"Name": None, "Amount": None, "StageName": "Negotiation", "OwnerId": None}, changedFields=["0x400800"]
    )
    results = found(event)
    (change,), (reject,) = changes_of(results), rejects_of(results)
    assert (change.type, change.owner, change.fields) == (
        "deal.stage_changed",
        UNSET,
        {"stage": "Negotiation", "status": "open"},
    )
    assert reject.reason == "undecoded_fields" and "0x400800" in reject.detail and "decode" in reject.detail


@pytest.mark.parametrize("header", ["changedFields", "nulledFields", "diffFields"])
@pytest.mark.parametrize("bitmap", ["0x40", "4-0x01", "0X0F"])
def test_a_bitmap_in_any_list_waits(header: str, bitmap: str) -> None:
    assert [reject.reason for reject in rejects_of(found(change_event(**{header: [bitmap]})))] == ["undecoded_fields"]


async def test_the_used_part_is_accepted_and_the_rest_is_told(send: Callable[..., Any]) -> None:
    answer = (await send(change_event(fields={"StageName": "x"}, changedFields=["0x4"]))).json()
    problems = [{"index": 0, "reason": "undecoded_fields"}]
    assert (answer["accepted"], answer["quarantined"], answer["problems"]) == (1, 1, problems)


@pytest.mark.parametrize("kind", ["GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW"])
def test_a_gap_is_never_guessed(kind: str) -> None:
    (reject,) = found(change_event(kind))
    assert (reject.reason, reject.detail) == (  # type: ignore[union-attr]
        "needs_resync",
        f"{kind}: read Opportunity {DEAL} again from Salesforce",
    )


@pytest.mark.parametrize("records", [["000000000000000AAA"], ["006*"], ["000000000000000"]])
def test_what_names_no_record_needs_a_resync(records: list[str]) -> None:
    (reject,) = found(change_event(fields={"Amount": 1}, recordIds=records))
    assert reject.reason == "needs_resync" and "Opportunity" in reject.detail  # type: ignore[union-attr]


def test_records_that_are_named_beside_a_wildcard_are_used() -> None:
    results = found(change_event(fields={"Amount": 1}, recordIds=["006*", OTHER]))
    assert [change.record for change in changes_of(results)] == [OTHER]
    assert [reject.reason for reject in rejects_of(results)] == ["needs_resync"]


def test_one_change_a_record() -> None:
    found_changes = changes(
        change_event(fields={"StageName": "Closed Won", "IsWon": True}, recordIds=[DEAL, OTHER[:15]])
    )
    assert [(change.record, change.verb) for change in found_changes] == [(DEAL, "won"), (OTHER, "won")]
    assert len({change.event for change in found_changes}) == 2


@pytest.mark.parametrize(
    ("fields", "verb", "status"),
    [
        ({"IsClosed": True, "IsWon": True, "StageName": "Signed"}, "won", "won"),
        ({"IsWon": True}, "won", "won"),
        ({"IsClosed": True, "StageName": "Dead"}, "lost", "lost"),
        ({"IsWon": False, "StageName": "Dead"}, "lost", "lost"),
        ({"IsClosed": False, "IsWon": False, "StageName": "Proposal"}, "reopened", "open"),
        ({"StageName": "Closed Won"}, "won", "won"),
        ({"StageName": "Closed Lost"}, "lost", "lost"),
        ({"StageName": "Proposal"}, "stage_changed", "open"),
        ({"Amount": 5}, "updated", None),
    ],
)
def test_what_changed_decides_on_the_status(fields: dict[str, Any], verb: str, status: str | None) -> None:
    for event in (cometd(change_event(fields=fields)), change_event(fields=fields, changedFields=[*fields])):
        (change,) = changes(event)
        assert (change.verb, change.fields.get("status")) == (verb, status)


def test_a_flag_that_may_not_have_changed_closes_nothing() -> None:
    enriched = change_event(fields={"Amount": 5, "IsWon": False}, changedFields=["Amount"])
    assert "status" not in changes(enriched)[0].fields


def test_a_deletion_and_what_takes_it_back() -> None:
    created = change_event("CREATE", {"OwnerId": ANA, "IsWon": True, "IsClosed": True}, sequenceNumber=1)
    deleted = change_event("DELETE", sequenceNumber=2)
    restored = change_event("UNDELETE", {"Amount": 10}, sequenceNumber=10)
    assert facts(changes(created, deleted)) == []
    kinds = [fact.kind for fact in facts(changes(restored, created, deleted))]
    assert kinds == ["deal.created", "deal.won"]


def test_changes_of_one_transaction_are_in_the_order_of_their_numbers() -> None:
    two, ten = (cometd(change_event(fields={"Amount": n}, sequenceNumber=n)) for n in (2, 10))
    for order in ((two, ten), (ten, two)):
        created = change_event("CREATE", {"OwnerId": ANA}, sequenceNumber=1)
        assert {fact.fields["amount"] for fact in facts(changes(*order, created))} == {"10"}


def test_a_conversion_counts_the_lead_and_the_deal_once() -> None:
    lead, account, contact = "00Q1I00000XyZaBUAV", "0011I00000XyZaBUAV", "0031I00000XyZaBUAV"
    created_lead = change_event(
        "CREATE",
        {"OwnerId": ANA},
        entityName="Lead",
        recordIds=[lead],
        transactionKey="t0",
        commitTimestamp=1772463000000,
    )
    converted = [
        change_event("CREATE", {}, entityName="Account", recordIds=[account], sequenceNumber=1),
        change_event("CREATE", {}, entityName="Contact", recordIds=[contact], sequenceNumber=2),
        change_event("CREATE", {"OwnerId": ANA, "StageName": "Qualification"}, sequenceNumber=3),
        change_event(
            fields={"IsConverted": True, "ConvertedOpportunityId": DEAL[:15]},
            entityName="Lead",
            recordIds=[lead],
            sequenceNumber=4,
            changedFields=["IsConverted", "ConvertedOpportunityId"],
        ),
    ]
    results = found(created_lead, *converted, *converted)
    assert [outcome.what for outcome in results if isinstance(outcome, Ignored)][:2] == [
        "Account CREATE",
        "Contact CREATE",
    ]
    counted = facts(changes_of(results))
    kinds = [fact.kind for fact in counted]
    assert kinds == ["deal.created", "deal.open", "deal.stage_entered", "lead.created", "lead.qualified"]
    assert counted[-1].fields["deal"] == DEAL


def test_a_merge_leaves_the_survivor_in_any_order() -> None:
    winner, loser = "00Q1I00000XyZaBUAV", "00Q1I00000XyZaCUAV"
    of_lead = {"entityName": "Lead"}
    story = [
        change_event("CREATE", {"OwnerId": ANA}, recordIds=[winner], transactionKey="a", **of_lead),
        change_event("CREATE", {"OwnerId": BEN}, recordIds=[loser], transactionKey="b", **of_lead),
        cometd(change_event("UPDATE", {"Phone": "1"}, recordIds=[winner], commitTimestamp=1772463896000, **of_lead)),
        change_event("DELETE", recordIds=[loser], commitTimestamp=1772463896000, sequenceNumber=2, **of_lead),
    ]
    for order in (story, story[::-1], [*story, *story]):
        (fact,) = facts(changes(*order))
        assert (fact.kind, fact.record, fact.fields["Phone"]) == ("lead.created", winner, "1")


def task_event(kind: str = "UPDATE", fields: dict[str, Any] | None = None, **header: Any) -> dict[str, Any]:
    return change_event(kind, fields, **{"entityName": "Task", "recordIds": [TASK]} | header)


CALL = {
    "TaskSubtype": "Call",
    "CallType": "Outbound",
    "CallDurationInSeconds": 30,
    "OwnerId": ANA,
    "Status": "Completed",
}


def test_a_call_is_logged_once_and_its_later_changes_are_its() -> None:
    created = task_event("CREATE", CALL)
    edited = cometd(
        task_event(
            fields={"OwnerId": BEN, "CallDurationInSeconds": 45}, commitTimestamp=1772463899000, sequenceNumber=2
        )
    )
    unsaid = cometd(task_event(fields={"OwnerId": BEN, "Description": "x"}, commitTimestamp=1772463899500))
    for order in ((created, edited, unsaid), (unsaid, edited, created, created)):
        (fact,) = facts(changes(*order))
        assert (fact.kind, fact.at, fact.owner, fact.fields["duration_seconds"]) == (
            "call.logged",
            COMMITTED_AT,
            BEN,
            "45",
        )


def test_a_completed_task_of_unknown_kind_waits() -> None:
    results = found(cometd(task_event(fields={"Status": "Completed"})))
    assert [reject.reason for reject in rejects_of(results)] == ["missing_type"]
    assert {change.type for change in changes_of(results)} == {"task.updated", "call.updated", "email.updated"}


def test_a_planned_call_counts_when_its_enriched_event_completes_it() -> None:
    planned = task_event("CREATE", CALL | {"Status": "Not Started"})
    done = task_event(
        fields={"Status": "Completed", "TaskSubtype": "Call"}, changedFields=["Status"], commitTimestamp=1772463899000
    )
    later = task_event(
        fields={"Status": "Completed", "TaskSubtype": "Call", "Priority": "Low"},
        changedFields=["Priority"],
        commitTimestamp=1772463899900,
    )
    assert facts(changes(planned)) == []
    (fact,) = facts(changes(later, planned, done))
    assert (fact.kind, fact.at) == ("call.logged", 1772463899000 * 1000)


def test_a_deleted_task_is_gone_whatever_it_was() -> None:
    for kind in ("Call", "Email", "Task"):
        created = task_event("CREATE", {"TaskSubtype": kind, "OwnerId": ANA, "Status": "Completed"})
        deleted = task_event("DELETE", sequenceNumber=2)
        assert facts(changes(created)) and facts(changes(deleted, created)) == []


def test_compound_fields_become_their_parts() -> None:
    event = change_event(
        "CREATE",
        {"Name": {"FirstName": "Ana", "LastName": "Ruiz"}, "Address": {"City": "Vigo", "Street": None}},
        entityName="Lead",
        recordIds=["00Q1I00000XyZaB"],
    )
    fields = changes(event)[0].fields
    assert fields == {"Name.FirstName": "Ana", "Name.LastName": "Ruiz", "Address.City": "Vigo"}
    cleared = change_event(
        fields={"Address": {"City": None, "Street": None}},
        entityName="Lead",
        changedFields=["Address.City"],
    )
    assert changes(cleared)[0].fields == {"Address.City": None}


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (change_event(entityName="Invoice__c"), "unknown_type"),
        (change_event(changeType="SHRUG"), "unknown_type"),
        (change_event(entityName=None), "missing_type"),
        (change_event(recordIds=[]), "invalid_record"),
        (change_event(recordIds="006"), "invalid_record"),
        (change_event(recordIds=[None]), "invalid_record"),
        (change_event(transactionKey=None), "missing_id"),
        (change_event(sequenceNumber="-1"), "invalid_id"),
        (change_event(sequenceNumber=1.5), "invalid_id"),
        (change_event(sequenceNumber=10**12), "invalid_id"),
        (change_event(commitTimestamp=None), "missing_time"),
        (change_event(commitTimestamp="soon"), "invalid_time"),
        (change_event(commitTimestamp=1772563895000), "future_time"),
        (change_event(changedFields="Amount"), "invalid_fields"),
        (change_event(nulledFields=[None]), "invalid_fields"),
        (change_event("CREATE", {"Amount": "many"}), "invalid_amount"),
        (change_event("CREATE", {"IsWon": "yes"}), "invalid_fields"),
        ({"ChangeEventHeader": 5}, "unknown_type"),
        ([], "not_an_object"),
        ({}, "unknown_type"),
    ],
)
def test_what_cannot_be_used_says_why(event: Any, reason: str) -> None:
    (reject,) = found(event, change_event(entityName="Account"))[:1]
    assert reject.reason == reason  # type: ignore[union-attr]


def test_an_event_of_many_records_cannot_swell() -> None:
    event = change_event(
        fields={"Description": "x" * 100_000}, recordIds=[f"006{number:012}" for number in range(2000)]
    )
    with pytest.raises(Refused) as refused:
        found(event)
    assert refused.value.why is RefusalReason.TOO_MANY_ELEMENTS


def test_a_change_of_thousands_of_records_is_one_event_still() -> None:
    records = [f"006{number:012}" for number in range(15_000)]
    assert len(changes(change_event(fields={"Amount": 1}, recordIds=records))) == 15_000


STORY = [
    change_event("CREATE", {"OwnerId": ANA, "StageName": "New", "Amount": 1, "IsClosed": False, "IsWon": False}),
    *(
        cometd(change_event(fields=fields, sequenceNumber=1, transactionKey=f"t{n}", commitTimestamp=1772463895000 + n))
        for n, fields in enumerate(
            [
                {"Amount": 2},
                {"OwnerId": BEN},
                {"StageName": "Signed", "IsClosed": True, "IsWon": True},
                {"Amount": 3},
                {"StageName": "Dead", "IsWon": False},
                {"StageName": "Signed", "IsWon": True},
            ]
        )
    ),
]


@given(st.lists(st.integers(0, 6), max_size=12), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_any_order_and_repetition_gives_the_same_numbers(repeats: list[int], shuffled: random.Random) -> None:
    sent = [*range(7), *repeats]
    shuffled.shuffle(sent)
    told = facts(changes(*(STORY[number] for number in sent)))
    won = next(fact for fact in told if fact.kind == "deal.won")
    assert (won.owner, won.at, won.fields["amount"]) == (BEN, (1772463895000 + 5) * 1000, "3")
    assert [fact.kind for fact in told] == ["deal.created", *["deal.stage_entered"] * 3, "deal.won"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["OwnerId", "Amount", "StageName", "IsWon", "IsClosed", "Name", "MasterRecordId", "IsDeleted"])
HEADERS = st.sampled_from([*change_event()["ChangeEventHeader"]])


@given(st.dictionaries(FIELDS, JSON), st.dictionaries(HEADERS, JSON), st.booleans())
@settings(max_examples=200, deadline=None)
def test_anything_in_any_key_costs_its_neighbour_nothing(
    fields: dict[str, Any], header: dict[str, Any], wrapped: bool
) -> None:
    spoilt = change_event(**header) | fields
    results = found(cometd(spoilt) if wrapped else spoilt, change_event("CREATE"))
    assert isinstance(results[-1], Accepted)
