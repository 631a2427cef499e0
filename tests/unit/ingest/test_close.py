"""What Close's events mean, and who may send them, through the real application on a fake log."""

from __future__ import annotations

import hmac
import json
from functools import partial
from typing import Any

import httpx
import pytest
from msgspec import UNSET

from services.ingest.wiring import Ingest
from shared.domain.changes import RecordChange
from shared.domain.instants import parse
from tests.support import close_sender
from tests.support.close_sender import AT_US, KEY, OWNER, call, close_source, event, opportunity, signature
from tests.support.fake_log import FakeLog
from tests.support.ingest_app import configure
from tests.support.manual_clock import ManualClock

LATER = "2026-11-23T09:31:00.000000"


@pytest.fixture(autouse=True)
def close(ingest: Ingest) -> None:
    configure(ingest, close_source())


@pytest.fixture
def send(http: httpx.AsyncClient, clock: ManualClock) -> Any:
    return partial(close_sender.send, http, now=clock.now())


@pytest.fixture
def said(send: Any, log: FakeLog) -> Any:
    async def said(body: Any) -> list[RecordChange]:
        answer = await send(body)
        assert (answer.status_code, answer.json()["quarantined"]) == (202, 0), answer.text
        return log.changes

    return said


async def test_an_opportunity_is_a_deal(said: Any) -> None:
    (change,) = await said(event("opportunity.created", opportunity()))
    assert (change.type, change.record, change.occurred_at) == ("deal.created", "oppo_1", AT_US)
    assert (change.owner, change.event) == (OWNER, "orga_1:ev_1")
    fields = {
        "amount": "1000.00",
        "currency": "USD",
        "status": "open",
        "stage": "stat_active",
        "account": "lead_1",
        "value_period": "one_time",
        "annualized_value": "1000.00",
    }
    assert change.fields.items() >= fields.items()


@pytest.mark.parametrize(
    ("value", "period", "amount", "a_year"),
    [
        (1, "one_time", "0.01", "0.01"),
        (9900, "monthly", "99.00", "1188.00"),
        (9900, "annual", "99.00", "99.00"),
        (10**34 + 5, "monthly", "100000000000000000000000000000000.05", "1200000000000000000000000000000000.60"),
        (None, "monthly", None, None),
        (100, "weekly", "1.00", None),
        (100, None, "1.00", None),
    ],
)
async def test_cents_are_units_for_the_period_that_is_named(
    said: Any, value: Any, period: Any, amount: Any, a_year: Any
) -> None:
    (change,) = await said(event("opportunity.updated", opportunity(value=value, value_period=period)))
    assert (change.fields["amount"], change.fields["value_period"]) == (amount, period)
    assert change.fields["annualized_value"] == a_year


async def test_a_yearly_value_that_close_sends_is_taken(said: Any) -> None:
    (change,) = await said(event("opportunity.updated", opportunity(annualized_value=700, value_period="monthly")))
    assert change.fields["annualized_value"] == "7.00"


@pytest.mark.parametrize(
    ("data", "previous", "event_type"),
    [
        ({"status_type": "won", "status_id": "stat_won"}, {"status_type": "active", "status_id": "x"}, "deal.won"),
        ({"status_type": "lost"}, {"status_type": "active"}, "deal.lost"),
        ({}, {"status_type": "won"}, "deal.reopened"),
        ({}, {"status_id": "stat_before"}, "deal.stage_changed"),
        ({}, {"status_type": "active"}, "deal.updated"),
        ({}, {"value": 1}, "deal.updated"),
        ({}, {"user_id": "user_bea"}, "deal.updated"),
    ],
)
async def test_a_change_is_its_most_telling_part(
    said: Any, data: dict[str, Any], previous: dict[str, Any], event_type: str
) -> None:
    (change,) = await said(event("opportunity.updated", opportunity(**data), previous))
    assert change.type == event_type


async def test_a_won_date_is_no_time(said: Any) -> None:
    (change,) = await said(event(data=opportunity(status_type="won", date_won="2026-11-20")))
    assert (change.fields["status"], change.fields["date_won"], change.times) == ("won", "2026-11-20", {})


async def test_a_consolidated_event_is_a_newer_version_of_the_same(said: Any, log: FakeLog) -> None:
    await said(event(data=opportunity(value=4200)))
    await said(event(data=opportunity(value=9900), date_updated=LATER))
    first, newer = log.changes
    assert first.event == newer.event
    assert (first.occurred_at, newer.occurred_at) == (AT_US, parse(f"{LATER}Z"))


async def test_a_deletion_keeps_the_last_state(said: Any) -> None:
    (change,) = await said(event("opportunity.deleted", None, opportunity()))
    assert (change.type, change.record, change.fields["amount"]) == ("deal.deleted", "oppo_1", "1000.00")


async def test_the_events_object_id_is_trusted(said: Any) -> None:
    (change,) = await said(event(data=opportunity(id="oppo_other"), object_id="oppo_1"))
    assert change.record == "oppo_1"


@pytest.mark.parametrize(("data", "owner"), [({}, OWNER), ({"user_id": None}, None)])
async def test_whose_it_is_and_not_who_acted(said: Any, data: dict[str, Any], owner: Any) -> None:
    (change,) = await said(event(data=opportunity(**data)))
    assert change.owner == owner


async def test_a_lead_has_no_owner(said: Any) -> None:
    (change,) = await said(event("lead.created", {"id": "lead_1", "display_name": "KLine"}))
    assert (change.type, change.record, change.owner) == ("lead.created", "lead_1", UNSET)


async def test_a_merge_ends_the_source(said: Any) -> None:
    meta = {"merge_source_lead_id": "lead_src", "merge_destination_lead_id": "lead_dst"}
    (change,) = await said(event("lead.merged", {"id": "lead_dst"}, meta=meta))
    assert (change.type, change.record, change.fields) == ("lead.merged", "lead_src", {"into": "lead_dst"})


@pytest.mark.parametrize(
    ("what", "event_type"),
    [
        ("activity.call.created", "call.logged"),
        ("activity.call.completed", "call.logged"),
        ("activity.call.answered", "call.answered"),
        ("activity.call.updated", "call.updated"),
        ("activity.call.deleted", "call.deleted"),
        ("activity.email.created", "email.created"),
        ("activity.email.updated", "email.updated"),
        ("activity.email.sent", "email.sent"),
        ("activity.meeting.created", "meeting.booked"),
        ("activity.meeting.scheduled", "meeting.booked"),
        ("activity.meeting.started", "meeting.started"),
        ("activity.meeting.completed", "meeting.held"),
        ("activity.meeting.canceled", "meeting.canceled"),
        ("task.lead.created", "task.created"),
        ("task.missed_call.completed", "task.completed"),
    ],
)
async def test_what_happens_to_an_activity(said: Any, what: str, event_type: str) -> None:
    (change,) = await said(event(what, call()))
    assert (change.type, change.owner, change.fields["account"]) == (event_type, OWNER, "lead_1")


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({"direction": "inbound", "duration": 45}, {"direction": "inbound", "duration_seconds": "45"}),
        ({"direction": "incoming", "duration": None}, {"direction": "inbound", "duration_seconds": None}),
        ({"direction": "outgoing"}, {"direction": "outbound"}),
        ({"direction": None}, {"direction": None}),
        ({"cost": 12}, {"cost": "0.12"}),
        ({"cost": 1.5}, {"cost": "0.015"}),
        ({"disposition": "vm-left", "status": "completed"}, {"disposition": "vm-left", "crm_status": "completed"}),
    ],
)
async def test_a_calls_fields(said: Any, data: dict[str, Any], fields: dict[str, Any]) -> None:
    (change,) = await said(event("activity.call.updated", call(**data)))
    assert change.fields.items() >= fields.items()


async def test_a_meeting_is_held_when_it_begins(said: Any) -> None:
    data = call(starts_at="2026-11-23T08:00:00+00:00")
    (change,) = await said(event("activity.meeting.completed", data))
    assert change.times == {"held": parse("2026-11-23T08:00:00Z")}


async def test_a_task_that_is_completed_by_an_update(said: Any) -> None:
    data = {"id": "task_1", "is_complete": True, "assigned_to": "user_bea", "lead_id": "lead_1"}
    (change,) = await said(event("task.lead.updated", data, {"is_complete": False}))
    assert (change.type, change.owner) == ("task.completed", "user_bea")


@pytest.mark.parametrize(
    "what", ["activity.opportunity_status_change.created", "activity.note.created", "contact.updated"]
)
async def test_what_another_event_says_or_no_number_reads_is_ignored(send: Any, log: FakeLog, what: str) -> None:
    answer = await send(event(what, {"id": "x"}))
    assert (answer.status_code, answer.json()["ignored"], log.changes, log.rejects) == (202, 1, [], [])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (event("activity.whatsapp_message.created", {"id": "x"}), "unknown_type"),
        (event("opportunity.answered", opportunity()), "unknown_type"),
        ({"event": {"id": "ev_1", "data": {"object_type": "activity.note", "action": "created"}}}, "missing_type"),
        ({}, "missing_type"),
        ({"event": []}, "invalid_fields"),
        (event(data=opportunity(), object_type={}), "invalid_type"),
        (event(data=opportunity(), id=None), "missing_id"),
        (event(data=opportunity(), object_id=None), "invalid_record"),
        (event(data=opportunity(), date_updated=None, date_created=None), "missing_time"),
        (event(data=opportunity(), date_updated="2026-11-25T00:00:00"), "future_time"),
        (event(data=None), "invalid_fields"),
        (event(data=opportunity(value="100")), "invalid_amount"),
        (event(data=opportunity(value=True)), "invalid_amount"),
        (event(data=opportunity(status_type=1)), "invalid_property"),
        (event(data=opportunity(user_id=[])), "invalid_record"),
        (event("activity.call.created", call(duration=-1)), "invalid_duration"),
        (event("lead.merged", {"id": "lead_dst"}), "invalid_record"),
    ],
)
async def test_what_cannot_be_used_waits_in_quarantine(send: Any, log: FakeLog, body: Any, reason: str) -> None:
    answer = await send(body)
    assert (answer.status_code, log.changes, [reject.reason for reject in log.rejects]) == (202, [], [reason])


@pytest.mark.parametrize("body", [b"[]", b"null", b"[{}]", b'{"event":Infinity}', b""])
async def test_a_body_that_is_not_one_object_is_refused(send: Any, body: bytes) -> None:
    answer = await send(body)
    assert (answer.status_code, answer.json()["reason"]) == (400, "malformed_body")


async def test_the_published_vector(http: httpx.AsyncClient, ingest: Ingest, clock: ManualClock) -> None:
    """thermondo/closeio, tests; a body of an older shape, which waits in quarantine."""
    key = "b9260244ef33625f9b4b26a27db08758cdd39478b852c73f2d33ab042eb8abb4"
    configure(ingest, close_source(secrets=(key,)))
    clock.set(1557751597_000_000)
    body = (
        b'{"event": {"id": "ev_4YUAT9G7PQNYEX0V7HpiZa", "date_created": "2019-01-01T13:33:00.842000", "data": '
        b'{"object_type": "activity.note", "action": "created", "note": "test content"}}, '
        b'"subscription_id": "whsub_mBTylJxRXaBOXcuQmgUdmL"}'
    )
    signed = "e6cf27a55de463dc46d8b5c16d2afe74d766e8f0c9892422c93573521cd377ed"
    answer = await close_sender.send(http, body, now=clock.now(), stamp="1557751596", signed=signed)
    assert (answer.status_code, answer.json()["quarantined"]) == (202, 1)


async def test_the_key_is_decoded(send: Any, clock: ManualClock) -> None:
    body, stamp = json.dumps(event(data=opportunity())).encode(), str(clock.now() // 1_000_000)
    as_text = hmac.digest(KEY.encode(), stamp.encode() + body, "sha256").hex()
    answer = await send(body, stamp=stamp, signed=as_text)
    assert (answer.status_code, answer.json()["reason"]) == (401, "bad_signature")


@pytest.mark.parametrize(
    ("age", "reason"), [(300, None), (301, "stale_timestamp"), (-300, None), (-301, "future_timestamp")]
)
async def test_a_signature_may_be_five_minutes_old(send: Any, age: int, reason: str | None) -> None:
    answer = await send(event(data=opportunity()), age=age)
    assert answer.json().get("reason") == reason


async def test_the_tolerance_is_an_option(send: Any, ingest: Ingest) -> None:
    configure(ingest, close_source(options={"tolerance": 72 * 3_600_000_000}))
    assert (await send(event(data=opportunity()), age=72 * 3600)).status_code == 202


async def test_a_forgery_is_never_told_that_it_is_late(send: Any) -> None:
    answer = await send(event(data=opportunity()), age=4000, signed="00" * 32)
    assert answer.json()["reason"] == "bad_signature"


@pytest.mark.parametrize("stamp", ["", "17954262x0", "1795426200.5", "-5", "é", "1" * 13, " 5"])
async def test_a_timestamp_is_a_whole_number(send: Any, stamp: str) -> None:
    body = json.dumps(event(data=opportunity())).encode()
    answer = await send(body, stamp=stamp, signed="00")
    assert (answer.status_code, answer.json()["reason"]) == (401, "invalid_timestamp")


@pytest.mark.parametrize("signed", ["", "é", "zz", "00" * 32, "v1,abc"])
async def test_odd_signatures_are_refused(send: Any, signed: str) -> None:
    answer = await send(event(data=opportunity()), signed=signed)
    assert (answer.status_code, answer.json()["reason"]) == (401, "bad_signature")


async def test_a_missing_header_is_told(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/webhooks/close", content=b"{}", headers={"close-sig-hash": signature(b"{}", "5")})
    assert (answer.status_code, answer.json()["reason"]) == (401, "missing_credentials")
