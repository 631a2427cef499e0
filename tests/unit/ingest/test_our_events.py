"""What an event of our own types means inside a foreign envelope."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from services.ingest.domain.delivery import Accepted, Context, Outcome, Rejected
from services.ingest.domain.our_events import identity
from services.ingest.domain.refusals import RefusalReason, Refused
from services.ingest.providers.registry import PROVIDERS
from shared.domain.changes import RecordChange
from shared.domain.derivation import facts_of
from shared.domain.facts import Fact
from shared.domain.instants import parse
from shared.domain.records import Record, RecordKey
from shared.domain.sources import Source
from shared.domain.tenant import Credit
from tests.support.cloud_senders import AT_US, cloud_event, cloudevents_source, payload, standard_source
from tests.support.translations import NOW
from tests.unit.ingest.test_fuzz import JSON

SOURCE = cloudevents_source()


def outcome_of(event: Any, source: Source = SOURCE) -> Outcome:
    provider = PROVIDERS[source.provider]
    (outcome,) = provider.translate([provider.reread(json.dumps(event).encode())], Context(source, "dl_1", NOW))
    return outcome


def said(event: dict[str, Any], source: Source = SOURCE) -> RecordChange:
    outcome = outcome_of(event, source)
    assert isinstance(outcome, Accepted), outcome
    (change,) = outcome.changes
    return change


def is_answered(event: Any, source: Source) -> bool:
    """Whether it comes to something, or is refused as it should be; anything else is raised."""
    try:
        return isinstance(outcome_of(event, source), Accepted | Rejected)
    except Refused as refused:
        return refused.why in {RefusalReason.INVALID_CLOUDEVENT, RefusalReason.MALFORMED_BODY}


def reason(event: dict[str, Any]) -> str:
    outcome = outcome_of(event)
    assert isinstance(outcome, Rejected), outcome
    return outcome.reason


@pytest.mark.parametrize(
    ("sent", "known"),
    [
        ("deal.won", "deal.won"),
        ("com.example.crm.deal.won", "deal.won"),
        ("com.example.deal.won.v2", "deal.won"),
        ("Com.Example-CRM.call.logged", "call.logged"),
        ("com.example.lead.warmed_up", "lead.warmed_up"),
    ],
)
def test_a_type_ends_in_one_of_ours(sent: str, known: str) -> None:
    assert said(cloud_event(sent)).type == known


@pytest.mark.parametrize(
    "sent",
    [
        "t",
        "deal",
        "com.example.someevent",
        "com.example.crm.widget.spun",
        "deal.won.",
        "Deal.Won",
        "bigdeal.won",
        "contact.created",
        "deal.won.v",
        "x" * 600 + ".deal.won",
    ],
)
def test_any_other_type_is_kept_as_unknown(sent: str) -> None:
    assert reason(cloud_event(sent)) == "unknown_type"


@pytest.mark.parametrize(
    ("data", "others", "record"),
    [
        ({"record": "r", "deal_id": "d", "id": "i"}, {}, "r"),
        ({"deal_id": 8, "id": "i"}, {}, "8"),
        ({"object_id": "o", "id": "i"}, {"subject": "deal/9"}, "o"),
        ({"id": "i"}, {}, "i"),
        ({}, {"subject": "deal/9"}, "9"),
        ({}, {"subject": "deals/9/x"}, "9/x"),
        ({}, {"subject": "call/9"}, "call/9"),
        (None, {"subject": "9"}, "9"),
        ({}, {}, "https://crm.example.com/tenants/7 C-1"),
    ],
)
def test_which_record_it_is(data: Any, others: dict[str, Any], record: str) -> None:
    assert said(cloud_event(data=data, **others)).record == record


@pytest.mark.parametrize(
    ("data", "owner"),
    [
        ({}, UNSET),
        ({"rep": None}, UNSET),
        ({"rep": "ana"}, "ana"),
        ({"owner_id": 12415231}, "12415231"),
        ({"owner_id": None}, None),
        ({"owner": "bo", "owner_id": "ana", "rep": "eve"}, "bo"),
        ({"fields": {"owner": None}, "owner": "bo"}, None),
    ],
)
def test_whose_it_is(data: dict[str, Any], owner: Any) -> None:
    change = said(cloud_event(data=data))
    assert (change.owner, "owner" in change.fields) == (owner, False)


def test_fields_stand_beside_each_other_or_in_fields() -> None:
    plain = {
        "deal_id": "8",
        "amount": 1200.5,
        "stage_id": "5",
        "account_id": "a-9",
        "tags": ["x", 1],
        "url": "https://x.example/8",
    }
    native = {"record": "8", "fields": {"amount": "1200.5", "stage": "5", "account": "a-9", "tags": '["x",1]'}}
    one, other = said(cloud_event(data=plain)), said(cloud_event(data=native))
    assert (one.fields, one.url) == (other.fields, "https://x.example/8")
    assert one.fields == {"amount": "1200.5", "stage": "5", "account": "a-9", "tags": '["x",1]'}


def test_an_activity_names_its_deal_and_its_direction_in_lower_case() -> None:
    data = {"call_id": "c", "deal_id": "8", "direction": "OUTBOUND", "duration_seconds": 42}
    change = said(cloud_event("call.logged", data=data))
    assert change.record == "c"
    assert change.fields == {"deal": "8", "direction": "outbound", "duration_seconds": "42"}


@pytest.mark.parametrize(
    ("event_type", "data", "status"),
    [
        ("deal.stage_changed", {"stage": "signed"}, "won"),
        ("deal.updated", {"fields": {"stage": "gone"}}, "lost"),
        ("deal.updated", {"stage_id": "demo"}, "open"),
        ("deal.updated", {"stage": "signed", "status": "open"}, "open"),
        ("deal.won", {"stage": "demo"}, None),
        ("deal.updated", {"stage": None}, None),
        ("call.logged", {"stage": "signed"}, None),
    ],
)
def test_a_stage_says_the_status_where_nothing_else_does(event_type: str, data: dict[str, Any], status: Any) -> None:
    source = cloudevents_source(won_stages=frozenset({"signed"}), lost_stages=frozenset({"gone"}))
    assert said(cloud_event(event_type, data=data), source).fields.get("status") == status


def test_without_a_time_of_its_own_it_is_the_data_that_says_it() -> None:
    event = cloud_event(time=..., data={"occurred_at": "2026-11-23T09:30:00.123456Z"})
    assert said(event).occurred_at == AT_US


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ({"time": ...}, "missing_time"),
        ({"time": None, "data": {"occurred_at": "soon"}}, "invalid_time"),
        ({"time": "2999-01-01T00:00:00Z"}, "future_time"),
        ({"data": "text"}, "invalid_fields"),
        ({"data": [{}]}, "invalid_fields"),
        ({"data": "<x/>", "datacontenttype": "text/xml"}, "invalid_fields"),
        ({"data": ..., "data_base64": base64.b64encode(b"[1]").decode()}, "invalid_fields"),
        ({"data": ..., "data_base64": base64.b64encode(b'{"a":"\\ud800"}').decode()}, "invalid_text"),
        ({"data": {"amount": "much"}}, "invalid_amount"),
        ({"data": {"amount": [1]}}, "invalid_amount"),
        ({"data": {"amount": True}}, "invalid_amount"),
        ({"data": {"fields": [1]}}, "invalid_fields"),
        ({"data": {"deal_id": {}}}, "invalid_record"),
        ({"data": {"rep": 1.5}}, "invalid_rep"),
        ({"data": {"owner_id": True}}, "invalid_fields"),
        ({"data": {"url": "javascript:alert(1)"}}, "invalid_url"),
        ({"type": "deal.merged"}, "invalid_fields"),
    ],
)
def test_what_cannot_be_used_is_kept_with_its_reason(others: dict[str, Any], expected: str) -> None:
    assert reason(cloud_event(**others)) == expected


def test_identities_of_different_parts_differ() -> None:
    assert identity("a b", "c") != identity("a", "b c")
    assert identity("a%20b", "c") != identity("a b", "c")
    assert len(identity("s" * 600, "i")) == 64


def wrapped(body: Any, name: str = "msg_1") -> dict[str, Any]:
    return {"webhook-id": name, "payload": body}


@pytest.mark.parametrize("at", ["2026-11-23T09:30:00.123456Z", 1795426200123456, "2026-11-23 09:30:00.123456"])
def test_a_payloads_time_is_read_in_every_usual_form(at: Any) -> None:
    change = said(wrapped(payload(timestamp=at)), standard_source())
    assert (change.occurred_at, change.event, change.record) == (AT_US, "msg_1", "8")


def story() -> list[dict[str, Any]]:
    """A deal is made, moved, given away, won; its call is logged; another is merged away, a third deleted."""

    def at(clock: str, event_type: str, data: Any, **others: Any) -> dict[str, Any]:
        return cloud_event(event_type, time=f"2026-11-23T{clock}:00Z", id=f"{clock}{event_type}", data=data, **others)

    return [
        at("08:00", "deal.created", {"deal_id": "8", "amount": 5, "owner_id": "ana"}),
        at("09:00", "deal.stage_changed", {"deal_id": "8", "stage": "demo"}),
        at("10:00", "deal.updated", {"fields": {"owner": "bo"}}, subject="deal/8"),
        at("11:00", "deal.won", {"record": "8", "fields": {"amount": "1200.50"}}),
        at("11:30", "call.logged", {"call_id": "c", "deal_id": "8", "rep": "bo", "duration_seconds": 42}),
        at("12:00", "deal.created", {"deal_id": "9"}),
        at("12:30", "deal.merged", {"deal_id": "9", "into": "8"}),
        at("12:40", "deal.created", {"deal_id": "10"}),
        at("12:50", "deal.deleted", None, subject="deal/10"),
    ]


def facts(events: list[dict[str, Any]]) -> list[Fact]:
    records: dict[RecordKey, Record] = {}
    for event in events:
        change = said(event)
        record = records.setdefault(RecordKey.of(change), Record.of(change))
        record.merge(change)
    found = [fact for key, record in records.items() for fact in facts_of(key, record, Credit())]
    return sorted(found, key=lambda fact: (fact.kind, fact.record, fact.at))


def test_what_the_story_comes_to() -> None:
    found = facts(story())
    assert [(fact.kind, fact.record, fact.owner) for fact in found] == [
        ("call.logged", "c", "bo"),
        ("deal.created", "8", "ana"),
        ("deal.stage_entered", "8", "ana"),
        ("deal.won", "8", "bo"),
    ]
    assert (found[3].at, found[3].fields["amount"]) == (parse("2026-11-23T11:00:00Z"), "1200.50")


@given(st.permutations(range(len(story()))), st.lists(st.integers(0, len(story()) - 1), max_size=8))
@settings(max_examples=80, deadline=None)
def test_order_and_repeats_change_nothing(order: list[int], again: list[int]) -> None:
    events = story()
    assert facts([events[index] for index in [*order, *again]]) == facts(events)


NAMES = ["specversion", "type", "source", "id", "time", "subject", "datacontenttype", "data", "data_base64", "ext"]
DATA = [
    "record",
    "deal_id",
    "id",
    "rep",
    "owner",
    "owner_id",
    "fields",
    "url",
    "amount",
    "stage",
    "occurred_at",
    "into",
]


@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=3), st.dictionaries(st.sampled_from(DATA), JSON))
@settings(max_examples=150, deadline=None)
def test_any_event_is_used_kept_or_refused_with_a_reason(spoilt: dict[str, Any], data: dict[str, Any]) -> None:
    assert is_answered(cloud_event(data=data) | spoilt, SOURCE)


@given(
    st.dictionaries(st.sampled_from(["type", "timestamp", "data"]), JSON), st.dictionaries(st.sampled_from(DATA), JSON)
)
@settings(max_examples=150, deadline=None)
def test_any_payload_is_used_or_kept_with_a_reason(spoilt: dict[str, Any], data: dict[str, Any]) -> None:
    assert is_answered(wrapped(payload(data=data) | spoilt), standard_source())


def test_quarantine_keeps_a_payload_with_the_id_of_its_delivery() -> None:
    source = standard_source()
    outcome = outcome_of(wrapped(payload(timestamp=...)), source)
    assert isinstance(outcome, Rejected)
    again = outcome_of(json.loads(outcome.element.raw) | {"payload": payload()}, source)
    assert isinstance(again, Accepted) and again.changes[0].event == "msg_1"
