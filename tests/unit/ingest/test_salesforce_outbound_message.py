"""Salesforce's outbound messages: who may send, what is acknowledged, and what a notification means."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from services.ingest.domain.delivery import Accepted, Context, Delivery
from services.ingest.providers.salesforce_outbound_message import ACK, PROVIDER
from services.ingest.wiring import Ingest
from shared.domain import instants
from shared.domain.changes import RecordChange
from shared.domain.sources import Limits
from tests.support.fake_log import FakeLog
from tests.support.ingest_app import configure
from tests.support.manual_clock import ManualClock
from tests.support.salesforce_messages import (
    ANA,
    BEN,
    DEAL,
    NIL,
    NOW,
    ORGANISATION,
    TASK,
    TOKEN,
    changes_of,
    envelope,
    facts,
    notification,
    opportunity,
    outbound_source,
    outcomes,
    rejects_of,
)

Send = Callable[..., Any]
XML = {"content-type": "text/xml; charset=UTF-8"}
SESSION = "00D1I000003qqqE!AQcAQH0dMHZ"


def of_fields(fields: dict[str, Any], name: str = "Opportunity", **source: Any) -> list[RecordChange]:
    return changes_of(outcomes(envelope(notification(fields, name=name)), outbound_source(**source)))


@pytest.fixture
def send(ingest: Ingest, http: httpx.AsyncClient, clock: ManualClock) -> Send:
    clock.set(NOW)
    configure(ingest, outbound_source(limits=Limits(max_body=100_000, max_batch=100)))

    async def posted(body: bytes, *, token: str = f"/{TOKEN}", headers: dict[str, str] = XML) -> httpx.Response:
        return await http.post(f"/v1/webhooks/sf{token}", content=body, headers=headers)

    return posted


async def test_what_is_stored_is_acknowledged(send: Send, log: FakeLog) -> None:
    answer = await send(envelope(notification(opportunity())))
    assert (answer.status_code, answer.content, len(log.changes)) == (200, ACK, 2)
    assert answer.headers["content-type"].startswith("text/xml")


async def test_nothing_is_acknowledged_while_the_log_is_away(send: Send, log: FakeLog) -> None:
    log.away = True
    answer = await send(envelope(notification(opportunity())))
    assert answer.status_code == 503 and b"Ack" not in answer.content


async def test_nothing_is_acknowledged_when_only_some_was_stored(send: Send, log: FakeLog) -> None:
    log.breaks_after = 1
    two = [notification(opportunity(Id=DEAL[:11] + f"bCd{one}")) for one in "EF"]
    assert (await send(envelope(*two))).status_code == 503


@pytest.mark.parametrize("token", ["/om_guess", "", "/", f"/{TOKEN}/", f"/{TOKEN}x", "/\u00e9\u20ac", f"/x/{TOKEN}"])
async def test_a_wrong_token_is_answered_like_an_unknown_source(
    send: Send, http: httpx.AsyncClient, token: str
) -> None:
    wrong = await send(envelope(notification(opportunity())), token=token)
    unknown = await http.post(f"/v1/webhooks/nobody/{TOKEN}", content=b"", headers=XML)
    assert (wrong.status_code, wrong.content) == (unknown.status_code, unknown.content) == (404, unknown.content)
    assert {*wrong.headers} == {*unknown.headers}


async def test_any_of_the_tokens_opens(ingest: Ingest, send: Send) -> None:
    configure(ingest, outbound_source(secrets=("old-token", TOKEN)))
    assert (await send(envelope(notification(opportunity())), token="/old-token")).status_code == 200


@pytest.mark.parametrize("organisation", ["00D1I000003qqqFUAQ", "00D1I000003QQQE", "", "00D1I000003qqqE1"])
async def test_another_organisation_is_forbidden(send: Send, log: FakeLog, organisation: str) -> None:
    answer = await send(envelope(notification(opportunity()), organisation=organisation))
    assert (answer.status_code, answer.json()["reason"], log.changes) == (403, "unknown_organisation", [])


@pytest.mark.parametrize("configured", [ORGANISATION, ORGANISATION[:15]])
@pytest.mark.parametrize("sent", [ORGANISATION, ORGANISATION[:15]])
async def test_an_organisation_is_known_in_either_length(
    ingest: Ingest, send: Send, configured: str, sent: str
) -> None:
    configure(ingest, outbound_source(options={"organization_ids": (configured,)}))
    assert (await send(envelope(notification(opportunity()), organisation=sent))).status_code == 200


DOCTYPES = [
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    b"<!DOCTYPE a>",
    b"<!-- first --><!DOCTYPE a>",
    b'<?style a?>\n <!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd">',
    b'<!DOCTYPE l [<!ENTITY a "aa"><!ENTITY b "&a;&a;&a;&a;">]>',
]


@pytest.mark.parametrize("doctype", DOCTYPES)
@pytest.mark.parametrize("charset", ["utf-8", "utf-16"])
async def test_a_document_type_is_refused(send: Send, doctype: bytes, charset: str) -> None:
    body = envelope(notification(opportunity())).split(b"\n", 1)[1]
    encoded = (doctype + body).decode().encode(charset)
    answer = await send(encoded, headers={"content-type": f"text/xml; charset={charset}"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "malformed_body")
    assert "document type" in answer.json()["detail"]


async def test_a_document_type_in_a_text_is_a_text(send: Send, log: FakeLog) -> None:
    await send(envelope(notification(opportunity(Name="<!DOCTYPE a>"))))
    assert log.changes[0].fields["Name"] == "<!DOCTYPE a>"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        envelope(notification(opportunity()))[:-40],
        b"<a>" * 10_000,
        b"<a/>",
        b"<a>&unknown;</a>",
        b'<x:a xmlns="urn:b"/>',
        envelope().replace(b"http://schemas.xmlsoap.org/soap/envelope/", b"urn:other"),
        envelope().replace(b"notifications", b"others"),
        envelope().replace(
            b"<notifications", b"<notifications xmlns='http://soap.sforce.com/2005/09/outbound'/><notifications"
        ),
        b"\xff\xfe\x00",
        envelope(notification(opportunity(Name="\u00e9"))).replace(b"\xc3\xa9", b"\xe9"),
    ],
)
async def test_what_is_no_message_is_refused(send: Send, body: bytes) -> None:
    assert (await send(body)).status_code == 400


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("text/xml", 200),
        ("application/xml; charset=utf-8", 200),
        ('TEXT/XML; charset="UTF-8"', 200),
        ("application/json", 415),
        ("application/soap+xml", 415),
        ("text/xml; charset=utf-7", 415),
        ("text/xml; charset=nonsense", 415),
        ("text/xml; charset=hex", 415),
    ],
)
async def test_media_types(send: Send, media_type: str, status: int) -> None:
    answer = await send(envelope(notification(opportunity())), headers={"content-type": media_type})
    assert answer.status_code == status


async def test_a_compressed_body_is_refused(send: Send) -> None:
    answer = await send(envelope(), headers=XML | {"content-encoding": "gzip"})
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("header", "declared", "encoded"),
    [
        ("text/xml; charset=iso-8859-1", "", "iso-8859-1"),
        ("text/xml", '<?xml version="1.0" encoding="ISO-8859-1"?>', "iso-8859-1"),
        ("text/xml; charset=utf-8", '<?xml version="1.0" encoding="ISO-8859-1"?>', "utf-8"),
        ("text/xml; charset=iso-8859-1", "", "utf-8-sig"),
        ("text/xml; charset=utf-16", "", "utf-16"),
        ("text/xml", "", "utf-8"),
    ],
)
async def test_a_body_is_read_in_its_charset(
    send: Send, log: FakeLog, header: str, declared: str, encoded: str
) -> None:
    text = envelope(notification(opportunity(Name="Caf\u00e9"))).decode().split("\n", 1)[1]
    await send((declared + text).encode(encoded), headers={"content-type": header})
    assert log.changes[0].fields["Name"] == "Caf\u00e9"


async def test_more_notifications_than_allowed_are_too_many(ingest: Ingest, send: Send) -> None:
    configure(ingest, outbound_source(limits=Limits(max_batch=2)))
    assert (await send(envelope(*[notification(opportunity())] * 2))).status_code == 200
    assert (await send(envelope(*[notification(opportunity())] * 3))).status_code == 413


async def test_a_long_namespace_costs_its_length_once(send: Send) -> None:
    names = "".join(f"<p:a{number}/>" for number in range(4000))
    body = f'<p:a xmlns:p="{"u" * 40_000}">{names}</p:a>'.encode()
    assert (await send(body)).status_code == 400


async def test_unknown_objects_are_acknowledged_and_kept(send: Send, log: FakeLog) -> None:
    known, unknown = notification(opportunity()), notification({"Id": DEAL}, name="Invoice__c")
    answer = await send(envelope(unknown, known))
    assert (answer.status_code, [reject.reason for reject in log.rejects]) == (200, ["unknown_type"])
    assert log.changes[0].type == "deal.updated"


async def test_a_session_id_is_kept_nowhere(send: Send, log: FakeLog) -> None:
    formula = notification(opportunity(Amount="x", Link__c=f"https://a/?sid={SESSION}"))
    answer = await send(envelope(formula, notification(opportunity(Link__c=SESSION)), session=SESSION))
    assert answer.status_code == 200
    assert len(log.rejects) == 1 and SESSION not in repr(log.rejects) + repr(log.changes)


def test_what_was_kept_is_read_again_as_the_same() -> None:
    source = outbound_source()
    for fields in (opportunity(Name="a < b & \r\n c", Amount=NIL, Empty__c=""), {"Id": "no"}):
        (first,) = (PROVIDER.parse(delivery_of(envelope(notification(fields))), source),)
        again = PROVIDER.reread(first[0].raw)
        assert (again.value, again.raw) == (first[0].value, first[0].raw)
        context = Context(source, "dl_1", NOW)
        assert len(PROVIDER.translate([again], context)) == 1


def delivery_of(body: bytes) -> Delivery:
    return Delivery(method="POST", headers={}, body=body, path_token=TOKEN)


def test_a_won_deal() -> None:
    won, created = of_fields(opportunity(IsClosed="true", IsWon="true", StageName="Closed Won"))
    assert (won.type, won.record, won.owner) == ("deal.won", DEAL, ANA)
    assert (won.fields["amount"], won.fields["currency"], won.fields["stage"]) == ("40000.0", "EUR", "Closed Won")
    assert won.occurred_at == instants.parse("2026-03-02T15:04:50Z")
    assert won.event == f"{ORGANISATION}:04l1I000000fztEQAQ"
    assert (created.type, instants.text(created.occurred_at)) == ("deal.created", "2026-02-01T09:00:00Z")


@pytest.mark.parametrize(
    ("fields", "verb", "status"),
    [
        ({"IsWon": "true", "IsClosed": "true"}, "won", "won"),
        ({"IsWon": "false", "IsClosed": "true"}, "lost", "lost"),
        ({"IsWon": "false", "IsClosed": "false", "StageName": "Closed Won"}, "updated", "open"),
        ({"StageName": "Closed Won"}, "won", "won"),
        ({"StageName": "Closed Lost"}, "lost", "lost"),
        ({"StageName": "Negotiation"}, "updated", "open"),
        ({"StageName": "Negotiation", "IsClosed": "true"}, "updated", None),
        ({"IsWon": "false"}, "updated", None),
        ({"LastModifiedDate": "2026-02-01T09:00:00.000Z", "IsClosed": "false"}, "created", "open"),
        ({"IsDeleted": "true", "IsClosed": "false"}, "deleted", "open"),
    ],
)
def test_what_happened_is_read_from_the_values(fields: dict[str, str], verb: str, status: str | None) -> None:
    usual = {name: value for name, value in opportunity().items() if name not in {"IsWon", "IsClosed", "StageName"}}
    change = of_fields(usual | fields)[0]
    assert (change.verb, change.fields.get("status")) == (verb, status)


def test_stages_of_the_source_decide_where_no_flag_does() -> None:
    usual = {name: value for name, value in opportunity().items() if name not in {"IsWon", "IsClosed"}}
    stages = {"won_stages": frozenset({"Signed"}), "lost_stages": frozenset({"Dead"})}
    verbs = [of_fields(usual | {"StageName": stage}, **stages)[0].verb for stage in ("Signed", "Dead", "Closed Won")]
    assert verbs == ["won", "lost", "updated"]


def test_nil_clears_and_absent_says_nothing() -> None:
    nil = of_fields(opportunity(Amount=NIL, OwnerId=NIL))[0]
    absent = {name: value for name, value in opportunity().items() if name not in {"Amount", "OwnerId"}}
    silent = of_fields(absent)[0]
    assert (nil.fields["amount"], nil.owner) == (None, None)
    assert "amount" not in silent.fields and silent.owner is UNSET


def test_ids_have_18_characters_everywhere() -> None:
    change = of_fields(opportunity(Id=DEAL[:15], OwnerId=ANA[:15], AccountId="0011I00000AbCdE", Parent__c="x"))[0]
    assert (change.record, change.owner, change.fields["account"]) == (DEAL, ANA, "0011I00000AbCdEQAV")


@pytest.mark.parametrize("amount", ["-150.25", "98765432109876.55", "1.0E7"])
def test_an_amount_stays_as_it_was_sent(amount: str) -> None:
    assert of_fields(opportunity(Amount=amount))[0].fields["amount"] == amount


@pytest.mark.parametrize(
    ("fields", "name", "reason"),
    [
        (opportunity(Amount="many"), "Opportunity", "invalid_amount"),
        (opportunity(Id=NIL), "Opportunity", "invalid_record"),
        (opportunity(IsWon="perhaps"), "Opportunity", "invalid_fields"),
        (opportunity(LastModifiedDate="yesterday"), "Opportunity", "invalid_time"),
        (opportunity(LastModifiedDate=NIL), "Opportunity", "missing_time"),
        (opportunity(LastModifiedDate="2026-03-04T15:04:50Z"), "Opportunity", "future_time"),
        (opportunity(), "Invoice__c", "unknown_type"),
        (opportunity(CallDurationInSeconds="-1", TaskSubtype="Call"), "Task", "invalid_duration"),
    ],
)
def test_what_cannot_be_used_says_why(fields: dict[str, Any], name: str, reason: str) -> None:
    (reject,) = rejects_of(outcomes(envelope(notification(fields, name=name)), outbound_source()))
    assert reject.reason == reason and reject.detail


def call(**fields: Any) -> dict[str, Any]:
    usual = {
        "Id": TASK,
        "CallDurationInSeconds": "184",
        "CallType": "Outbound",
        "CreatedDate": "2026-03-02T15:04:40.000Z",
        "LastModifiedDate": "2026-03-02T15:04:40.000Z",
        "OwnerId": ANA,
        "Status": "Completed",
        "TaskSubtype": "Call",
        "WhatId": DEAL,
    }
    return usual | fields


def test_a_logged_call() -> None:
    (change,) = of_fields(call(), name="Task")
    assert (change.type, change.record, change.owner) == ("call.logged", TASK, ANA)
    ours = {name: change.fields[name] for name in ("duration_seconds", "direction", "deal")}
    assert ours == {"duration_seconds": "184", "direction": "outbound", "deal": DEAL}


def test_a_call_that_is_edited_later_was_logged_when_it_was() -> None:
    first, edited = call(), call(LastModifiedDate="2026-03-03T09:00:00.000Z", Description="wrong number")
    changes = of_fields(first, name="Task") + of_fields(edited, name="Task")
    (fact,) = facts(changes)
    assert (fact.kind, instants.text(fact.at)) == ("call.logged", "2026-03-02T15:04:40Z")


def test_a_planned_call_counts_when_it_is_completed() -> None:
    planned = of_fields(call(Status="Not Started"), name="Task")
    done = of_fields(
        call(LastModifiedDate="2026-03-03T10:00:00Z", CompletedDateTime="2026-03-03T09:59:00Z"), name="Task"
    )
    assert facts(planned) == []
    assert [(fact.kind, instants.text(fact.at)) for fact in facts(planned + done)] == [
        ("call.logged", "2026-03-03T09:59:00Z")
    ]


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        ({"TaskSubtype": "Email", "CallType": NIL, "CallDurationInSeconds": NIL}, ["email.sent"]),
        ({"TaskSubtype": "Task"}, ["call.logged"]),
        ({"TaskSubtype": "Task", "CallType": NIL, "CallDurationInSeconds": NIL}, ["task.completed", "task.created"]),
        ({"TaskSubtype": NIL, "CallType": NIL, "CallDurationInSeconds": NIL, "Status": "Open"}, ["task.created"]),
    ],
)
def test_a_task_is_what_its_subtype_and_call_fields_say(fields: dict[str, Any], kinds: list[str]) -> None:
    assert [fact.kind for fact in facts(of_fields(call(**fields), name="Task"))] == kinds


def test_an_event_is_a_meeting() -> None:
    fields = {
        "Id": "00U1I00000XyZaBUAV",
        "CreatedDate": "2026-03-01T10:00:00Z",
        "LastModifiedDate": "2026-03-02T10:00:00Z",
        "StartDateTime": "2026-03-05T13:00:00Z",
        "DurationInMinutes": "30",
        "OwnerId": ANA,
    }
    (fact,) = facts(of_fields(fields, name="Event"))
    assert (fact.kind, instants.text(fact.at), fact.fields["duration_seconds"]) == (
        "meeting.booked",
        "2026-03-01T10:00:00Z",
        "1800",
    )


def test_leads_and_quotes() -> None:
    base = {"CreatedDate": "2026-03-01T10:00:00Z", "LastModifiedDate": "2026-03-02T10:00:00Z", "OwnerId": ANA}
    lead = of_fields(base | {"Id": "00Q1I00000XyZaB", "IsConverted": "true"}, name="Lead")
    quote = of_fields(base | {"Id": "0Q01I00000XyZaB", "Status": "Presented", "GrandTotal": "9.50"}, name="Quote")
    assert [fact.kind for fact in facts(lead + quote)] == [
        "lead.created",
        "lead.qualified",
        "quote.created",
        "quote.sent",
    ]
    assert quote[0].fields["amount"] == "9.50"


def test_a_lead_that_was_merged_counts_no_more() -> None:
    base = {"Id": "00Q1I00000XyZaB", "CreatedDate": "2026-03-01T10:00:00Z", "OwnerId": ANA}
    alive = of_fields(base | {"LastModifiedDate": "2026-03-01T10:00:00Z"}, name="Lead")
    merged = of_fields(
        base | {"LastModifiedDate": "2026-03-02T10:00:00Z", "IsDeleted": "true", "MasterRecordId": "00Q1I00000XyZaC"},
        name="Lead",
    )
    assert len(facts(alive)) == 1
    assert facts(merged + alive) == facts(alive + merged) == []
    assert merged[0].fields == {"into": "00Q1I00000XyZaCUAV"}


STORY = [
    opportunity(LastModifiedDate="2026-02-01T09:00:00.000Z"),
    opportunity(Amount="50000", LastModifiedDate="2026-02-10T09:00:00.000Z"),
    opportunity(OwnerId=BEN, LastModifiedDate="2026-02-15T09:00:00.000Z", StageName="Negotiation"),
    opportunity(OwnerId=BEN, IsClosed="true", IsWon="true", LastModifiedDate="2026-02-20T09:00:00.000Z"),
    opportunity(OwnerId=ANA[:15], IsClosed="true", IsWon="true", LastModifiedDate="2026-02-25T09:00:00.000Z"),
]
ENVELOPES = [envelope(notification(one, identity=f"04l1I000000fzt{n}")) for n, one in zip("ABCDE", STORY, strict=True)]


@given(st.lists(st.integers(0, 4), max_size=12), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_any_order_and_repetition_gives_the_same_numbers(repeats: list[int], shuffled: random.Random) -> None:
    sent = [*range(5), *repeats]
    shuffled.shuffle(sent)
    source = outbound_source()
    changes = [change for number in sent for change in changes_of(outcomes(ENVELOPES[number], source))]
    found = {fact.kind: fact for fact in facts(changes)}
    assert {*found} == {"deal.created", "deal.stage_entered", "deal.won"}
    assert (found["deal.won"].owner, instants.text(found["deal.won"].at)) == (BEN, "2026-02-20T09:00:00Z")
    assert instants.text(found["deal.created"].at) == "2026-02-01T09:00:00Z"


def test_newer_data_under_the_same_notification_refreshes_the_record() -> None:
    older, newer = (
        of_fields(opportunity(Amount=amount, LastModifiedDate=f"2026-03-02T15:0{minute}:00Z"))
        for amount, minute in (("100.0", 3), ("120.0", 4))
    )
    for order in (older + newer, newer + older + older):
        assert {fact.fields["amount"] for fact in facts(order)} == {"120.0"}


NAMES = st.sampled_from([*call(), *opportunity(), "IsDeleted", "MasterRecordId", "StartDateTime", "CompletedDateTime"])
TEXTS = st.one_of(st.just(NIL), st.sampled_from(["true", "false", "", "1e999", DEAL, "2026-03-02T15:04:40.000Z"]))


@given(
    st.dictionaries(NAMES, TEXTS | st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)),
    st.sampled_from(["Opportunity", "Task", "Event", "Lead", "Quote", "Account", "X__c"]),
)
@settings(max_examples=200, deadline=None)
def test_anything_in_any_field_costs_its_neighbour_nothing(fields: dict[str, Any], name: str) -> None:
    spoilt = notification(opportunity(Id=TASK) | fields, name=name)
    found = outcomes(envelope(spoilt, notification(opportunity())), outbound_source())
    assert len(found) == 2 and isinstance(found[1], Accepted)
