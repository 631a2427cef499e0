"""What Pipedrive's notifications mean, and who may send them, through the real application on a fake log."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from msgspec import UNSET

from services.ingest.wiring import Ingest
from shared.domain.changes import RecordChange
from shared.domain.instants import parse
from tests.support.fake_log import FakeLog
from tests.support.ingest_app import configure
from tests.support.pipedrive_sender import (
    AT_US,
    PASSWORD,
    USER,
    activity,
    basic,
    deal,
    notice,
    old_notice,
    pipedrive_source,
    send,
)


@pytest.fixture(autouse=True)
def pipedrive(ingest: Ingest) -> None:
    configure(ingest, pipedrive_source())


async def said(http: httpx.AsyncClient, log: FakeLog, body: Any) -> list[RecordChange]:
    answer = await send(http, body)
    assert (answer.status_code, answer.json()["quarantined"]) == (202, 0), answer.text
    return log.changes


async def test_a_created_deal(http: httpx.AsyncClient, log: FakeLog) -> None:
    (change,) = await said(http, log, notice("create", deal(value=1200.50)))
    assert (change.type, change.record, change.occurred_at) == ("deal.created", "8", AT_US)
    assert change.owner == "12415231"
    fields = {"amount": "1200.5", "currency": "EUR", "stage": "2", "status": "open", "account": "1"}
    assert change.fields.items() >= fields.items()


async def test_what_a_new_deal_does_not_say_of_itself_is_missing(http: httpx.AsyncClient, log: FakeLog) -> None:
    thin = {name: value for name, value in deal().items() if name not in {"owner_id", "currency"}}
    created, changed, whole = (notice("create", thin), notice("change", thin, previous={}), notice("create", deal()))
    for body in (created, changed, whole):
        await said(http, log, body)
    assert [change.missing for change in log.changes] == [("owner", "currency"), (), ()]


async def test_the_identity_is_the_changes_own_and_no_attempts(http: httpx.AsyncClient, log: FakeLog) -> None:
    await said(http, log, notice("create", deal()))
    await said(http, log, notice("create", deal(), attempt=2, webhook_id="another"))
    first, again = log.changes
    assert (first.event, first.occurred_at) == (again.event, again.occurred_at) == ("8087566:71825ee0", AT_US)


async def test_an_amount_beyond_doubles_stays_exact(http: httpx.AsyncClient, log: FakeLog) -> None:
    body = b'{"data":{"id":8,"value":12345678901234567.89},"previous":null,"meta":{"action":"create","entity":"deal",'
    body += b'"entity_id":8,"company_id":1,"id":5,"timestamp":1795426200}}'
    (change,) = await said(http, log, body)
    assert change.fields["amount"] == "12345678901234567.89"
    assert (change.event, change.occurred_at) == ("1:5", 1795426200_000_000)


@pytest.mark.parametrize(
    "timestamp", ["2026-11-23T09:30:00Z", 1795426200, "1795426200", 1795426200000, 1795426200000000]
)
async def test_a_timestamp_may_be_iso_or_unix_time_of_any_unit(
    http: httpx.AsyncClient, log: FakeLog, timestamp: Any
) -> None:
    (change,) = await said(http, log, notice("create", deal(), timestamp=timestamp))
    assert change.occurred_at == parse("2026-11-23T09:30:00Z")


@pytest.mark.parametrize(
    ("data", "previous", "event_type"),
    [
        ({"status": "won"}, {"status": "open"}, "deal.won"),
        ({"status": "lost"}, {"status": "open"}, "deal.lost"),
        ({"status": "open"}, {"status": "won"}, "deal.reopened"),
        ({"status": "won", "stage_id": 3}, {"status": "open", "stage_id": 2}, "deal.won"),
        ({"stage_id": 3}, {"stage_id": 2}, "deal.stage_changed"),
        ({"stage_id": None}, {"stage_id": 2}, "deal.updated"),
        ({"value": 300}, {"value": 100}, "deal.updated"),
        ({"status": "deleted"}, {"status": "open"}, "deal.deleted"),
        ({"status": "open"}, {"status": "deleted"}, "deal.restored"),
        ({"status": "won"}, {}, "deal.updated"),
    ],
)
async def test_a_change_is_its_most_telling_part(
    http: httpx.AsyncClient, log: FakeLog, data: dict[str, Any], previous: dict[str, Any], event_type: str
) -> None:
    (change,) = await said(http, log, notice("change", deal(**data), previous))
    assert change.type == event_type


async def test_a_deal_is_won_when_pipedrive_says(http: httpx.AsyncClient, log: FakeLog) -> None:
    (change,) = await said(http, log, notice("change", deal(status="won", won_time="2026-11-23T09:29:58Z")))
    assert (change.fields["status"], change.times) == ("won", {"won": parse("2026-11-23T09:29:58Z")})


async def test_a_mere_date_is_no_time_of_a_moment(http: httpx.AsyncClient, log: FakeLog) -> None:
    (change,) = await said(http, log, notice("change", deal(status="lost", lost_time="2026-11-23")))
    assert (change.fields["lost_time"], change.times) == ("2026-11-23", {})


@pytest.mark.parametrize(
    ("data", "owner"),
    [
        ({"owner_id": 7}, "7"),
        ({"owner_id": "7"}, "7"),
        ({"owner_id": None}, None),
        ({"user_id": 7}, "7"),
        ({"user_id": {"id": 7, "name": "Ana"}}, "7"),
        ({"user_id": {"value": 7}}, "7"),
        ({}, UNSET),
    ],
)
async def test_whose_a_deal_is(http: httpx.AsyncClient, log: FakeLog, data: dict[str, Any], owner: Any) -> None:
    (change,) = await said(http, log, notice("change", {"id": 8} | data))
    assert change.owner == owner


async def test_nulls_clear_and_absences_say_nothing(http: httpx.AsyncClient, log: FakeLog) -> None:
    (change,) = await said(
        http, log, notice("change", {"id": 8, "value": None, "currency": "EUR", "lost_reason": None})
    )
    assert change.fields == {"id": "8", "amount": None, "currency": "EUR", "lost_reason": None}


async def test_custom_fields_have_one_form_in_both_versions(http: httpx.AsyncClient, log: FakeLog) -> None:
    custom = {
        "aa": {"type": "varchar", "value": "text"},
        "bb": {"type": "enum", "id": 5},
        "cc": {"type": "set", "values": [{"id": 1}, {"id": 2}]},
        "dd": {"type": "monetary", "value": 12.50, "currency": "EUR"},
        "ee": None,
        "owner": "somebody's own",
    }
    (change,) = await said(http, log, notice("change", {"id": 8, "custom_fields": custom}))
    wanted = {"aa": "text", "bb": "5", "cc": "1,2", "dd": "12.5", "dd_currency": "EUR", "ee": None}
    assert change.fields == {"id": "8", "crm_owner": "somebody's own"} | wanted


async def test_a_deletion_keeps_the_last_state(http: httpx.AsyncClient, log: FakeLog) -> None:
    (change,) = await said(http, log, notice("delete", None, deal()))
    assert (change.type, change.record, change.fields["amount"]) == ("deal.deleted", "8", "100")


async def test_a_deletion_that_says_nothing_else(http: httpx.AsyncClient, log: FakeLog) -> None:
    (change,) = await said(http, log, notice("delete", None, None))
    assert (change.type, change.fields) == ("deal.deleted", {})


async def test_the_loser_of_a_merge_is_merged_not_deleted(http: httpx.AsyncClient, log: FakeLog) -> None:
    (change,) = await said(http, log, notice("delete", None, deal(), merged_to_id="9"))
    assert (change.type, change.record, change.fields) == ("deal.merged", "8", {"into": "9"})


async def test_the_survivor_ends_the_loser_too(http: httpx.AsyncClient, log: FakeLog) -> None:
    survivor, loser = await said(http, log, notice("change", deal(id=9), {"title": "x"}, merged_from_id="8"))
    assert (survivor.type, survivor.record) == ("deal.updated", "9")
    assert (loser.type, loser.record, loser.fields) == ("deal.merged", "8", {"into": "9"})
    assert survivor.event != loser.event


@pytest.mark.parametrize(
    ("current", "previous"),
    [(deal(id=9, merge_what_id=8), deal(id=9)), (deal(id=9), deal(id=8))],
)
async def test_a_merge_of_version_1(http: httpx.AsyncClient, log: FakeLog, current: Any, previous: Any) -> None:
    survivor, loser = await said(http, log, old_notice("merged", current, previous, id=9))
    assert (survivor.type, survivor.record) == ("deal.updated", "9")
    assert (loser.type, loser.record, loser.fields) == ("deal.merged", "8", {"into": "9"})


async def test_version_1(http: httpx.AsyncClient, log: FakeLog) -> None:
    current = {"id": 8, "value": 100, "status": "won", "user_id": 7, "won_time": "2026-11-23 09:29:58"}
    (change,) = await said(http, log, old_notice("updated", current, current | {"status": "open", "won_time": None}))
    assert (change.type, change.occurred_at, change.owner) == ("deal.won", AT_US, "7")
    assert change.times == {"won": parse("2026-11-23T09:29:58Z")}
    assert change.event == f"8087566:v1:updated.deal:8:{AT_US}"


async def test_a_lead_has_a_value_of_two_parts(http: httpx.AsyncClient, log: FakeLog) -> None:
    lead = {"id": "adf2", "owner_id": 7, "value": {"amount": 99.5, "currency": "USD"}, "organization_id": 3}
    (change,) = await said(http, log, notice("create", lead, entity="lead"))
    assert (change.type, change.record, change.owner) == ("lead.created", "adf2", "7")
    assert change.fields == {"id": "adf2", "amount": "99.5", "currency": "USD", "account": "3"}


async def test_a_leads_value_is_cleared_whole(http: httpx.AsyncClient, log: FakeLog) -> None:
    (change,) = await said(http, log, notice("change", {"id": "adf2", "value": None}, entity="lead"))
    assert change.fields == {"id": "adf2", "amount": None, "currency": None}


@pytest.mark.parametrize(
    ("action", "data", "previous", "types"),
    [
        ("create", {}, None, ["call.created"]),
        ("create", {"done": True}, None, ["call.logged"]),
        ("change", {"done": True}, {"done": False}, ["call.logged"]),
        ("change", {"done": 1}, {"done": 0}, ["call.logged"]),
        ("change", {"done": True}, {"subject": "x"}, ["call.updated"]),
        ("change", {"done": False}, {"done": True}, ["call.updated"]),
        ("change", {"type": "email", "done": True}, {"done": False}, ["email.sent"]),
        ("create", {"type": "meeting"}, None, ["meeting.booked"]),
        ("create", {"type": "meeting", "done": True}, None, ["meeting.booked", "meeting.held"]),
        ("change", {"type": "meeting", "done": True}, {"done": False}, ["meeting.held"]),
        ("create", {"type": "deadline"}, None, ["task.created"]),
        ("create", {"type": "lunch", "done": True}, None, ["task.created", "task.completed"]),
        ("change", {"type": "task", "done": True}, {"done": False}, ["task.completed"]),
        ("change", {"type": "meeting"}, {"type": "call"}, ["call.deleted", "meeting.restored", "meeting.updated"]),
        ("change", {"done": True}, {"type": "lunch"}, ["task.deleted", "call.restored", "call.logged"]),
        ("change", {"type": "lunch"}, {"type": "task"}, ["task.updated"]),
    ],
)
async def test_an_activity_counts_when_it_is_done(
    http: httpx.AsyncClient, log: FakeLog, action: str, data: dict[str, Any], previous: Any, types: list[str]
) -> None:
    changes = await said(http, log, notice(action, activity(**data), previous, entity="activity"))
    assert [change.type for change in changes] == types
    assert len({(change.record_type, change.event) for change in changes}) == len(changes)


async def test_a_deleted_activity_is_deleted_as_what_it_was(http: httpx.AsyncClient, log: FakeLog) -> None:
    (change,) = await said(http, log, notice("delete", None, activity(type="email"), entity="activity"))
    assert (change.type, change.record) == ("email.deleted", "2")


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        ({"timezone_id": None, "value": "00:30:00"}, "1800"),
        ({"value": ""}, None),
        ({"value": None}, None),
        (None, None),
        ("", None),
        ("01:15", "4500"),
        ("00:00:45", "45"),
    ],
)
async def test_how_long_an_activity_took(http: httpx.AsyncClient, log: FakeLog, duration: Any, seconds: Any) -> None:
    (change,) = await said(http, log, notice("change", activity(duration=duration), entity="activity"))
    assert change.fields["duration_seconds"] == seconds
    assert (change.fields["deal"], change.fields["account"], change.owner) == ("8", "1", "12415231")


@pytest.mark.parametrize(
    ("data", "times"),
    [
        ({"marked_as_done_time": "2026-11-23 09:29:00"}, {"logged": "2026-11-23T09:29:00Z"}),
        ({}, {}),
        ({"type": "meeting", "due_time": "08:00"}, {"held": "2026-11-23T08:00:00Z"}),
        ({"type": "meeting", "due_time": {"timezone_id": None, "value": "08:00:00"}}, {"held": "2026-11-23T08:00:00Z"}),
        ({"type": "meeting", "due_time": "15:00"}, {"held": "2026-11-23T09:30:00.123Z"}),
        ({"type": "meeting", "due_time": ""}, {}),
        ({"type": "meeting", "due_time": {"timezone_id": 5, "value": "08:00:00"}}, {}),
    ],
)
async def test_when_an_activity_was_done(
    http: httpx.AsyncClient, log: FakeLog, data: dict[str, Any], times: dict[str, str]
) -> None:
    (change,) = await said(http, log, notice("change", activity(done=True, **data), {"done": False}, entity="activity"))
    assert change.times == {verb: parse(at) for verb, at in times.items()}


@pytest.mark.parametrize("entity", ["person", "organization", "note", "product", "stage", "pipeline"])
async def test_objects_that_no_number_depends_on_are_ignored(
    http: httpx.AsyncClient, log: FakeLog, entity: str
) -> None:
    answer = await send(http, notice("change", {"id": 5}, entity=entity))
    assert (answer.status_code, answer.json()["ignored"], log.changes, log.rejects) == (202, 1, [], [])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (notice("create", {"id": 5}, entity="board"), "unknown_type"),
        (old_notice("updated", [{"id": 5}], [{"id": 5}], entity="user"), "unknown_type"),
        (notice("purge", deal()), "unknown_type"),
        ({"data": {}}, "missing_type"),
        ({"meta": []}, "invalid_type"),
        (notice("create", deal(), id=None), "missing_id"),
        (notice("create", deal(id=None), entity_id=None), "invalid_record"),
        (notice("create", deal(), timestamp=None), "missing_time"),
        (notice("create", deal(), timestamp="soon"), "invalid_time"),
        (notice("create", deal(), timestamp="2026-11-25T10:00:00Z"), "future_time"),
        (notice("change", deal(status="won", won_time="2026-12-24T10:00:00Z")), "future_time"),
        (notice("create", None), "invalid_fields"),
        (notice("create", deal()) | {"data": [deal()]}, "invalid_fields"),
        (notice("create", deal(value="much")), "invalid_amount"),
        (notice("create", deal(status=["won"])), "invalid_property"),
        (notice("create", deal(owner_id=True)), "invalid_record"),
        (notice("change", activity(type=None), entity="activity"), "invalid_type"),
        (notice("change", activity(duration=30), entity="activity"), "invalid_duration"),
        (notice("change", deal(id=8), merged_from_id="8"), "invalid_record"),
        (old_notice("merged", deal(), deal()), "invalid_record"),
    ],
)
async def test_what_cannot_be_used_waits_in_quarantine(
    http: httpx.AsyncClient, log: FakeLog, body: Any, reason: str
) -> None:
    answer = await send(http, body)
    assert (answer.status_code, log.changes, [reject.reason for reject in log.rejects]) == (202, [], [reason])


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"[{}]", b'{"data":NaN}', b"", b"[" * 5000])
async def test_a_body_that_is_not_one_object_is_refused(http: httpx.AsyncClient, body: bytes) -> None:
    answer = await send(http, body)
    assert (answer.status_code, answer.json()["reason"]) == (400, "malformed_body")


async def test_an_amount_that_nobody_can_keep_waits_in_quarantine(http: httpx.AsyncClient, log: FakeLog) -> None:
    body = b'{"data":{"id":8,"value":1e400},"meta":{"action":"create","entity":"deal","id":"5","timestamp":1795426200}}'
    answer = await send(http, body)
    assert (answer.status_code, [reject.reason for reject in log.rejects]) == (202, ["invalid_amount"])


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
async def test_credentials_may_be_of_either_encoding(http: httpx.AsyncClient, encoding: str) -> None:
    answer = await send(http, notice("create", deal()), authorization=basic(encoding=encoding))
    assert answer.status_code == 202


async def test_an_older_password_is_still_taken(http: httpx.AsyncClient) -> None:
    assert (await send(http, notice("create", deal()), authorization=basic(password="old"))).status_code == 202


async def test_the_schemes_name_is_of_any_case(http: httpx.AsyncClient) -> None:
    assert (await send(http, notice("create", deal()), authorization=basic().replace(b"B", b"b", 1))).status_code == 202


async def test_without_a_configured_user_name_any_will_do(http: httpx.AsyncClient, ingest: Ingest) -> None:
    configure(ingest, pipedrive_source(options={}))
    assert (await send(http, notice("create", deal()), authorization=basic("anybody"))).status_code == 202
    assert (await send(http, notice("create", deal()), authorization=basic("anybody", "wrong"))).status_code == 401


async def test_a_letter_that_latin_1_lacks_is_no_question_mark(http: httpx.AsyncClient, ingest: Ingest) -> None:
    configure(ingest, pipedrive_source(secrets=("€uro",)))
    assert (await send(http, notice("create", deal()), authorization=basic(password="?uro"))).status_code == 401
    assert (await send(http, notice("create", deal()), authorization=basic(password="€uro"))).status_code == 202


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (b"Basic !!!", "wrong_credentials"),
        (b"Basic YQ", "wrong_credentials"),
        (b"Basic \xe9\xe9", "wrong_credentials"),
        (b"Basic bm9jb2xvbg==", "wrong_credentials"),
        (basic("other"), "wrong_credentials"),
        (basic(USER, PASSWORD + "x"), "wrong_credentials"),
        (basic(USER, ""), "wrong_credentials"),
        (b"Basic", "missing_credentials"),
        (b"Bearer cGQtaG9vazpvbGQ=", "missing_credentials"),
    ],
)
async def test_wrong_credentials_are_refused_and_asked_for(
    http: httpx.AsyncClient, log: FakeLog, authorization: bytes, reason: str
) -> None:
    answer = await send(http, notice("create", deal()), authorization=authorization)
    assert (answer.status_code, answer.json()["reason"], log.changes) == (401, reason, [])
    assert answer.headers["www-authenticate"].startswith("Basic ")
