"""What native events mean, through the real application on a fake log."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec import UNSET

from shared.domain import instants
from tests.support.crm_sender import OCCURRED_AT, CrmSender, event
from tests.support.fake_log import FakeLog
from tests.support.manual_clock import ManualClock


async def test_an_event_is_stored_and_acknowledged(crm: CrmSender, log: FakeLog) -> None:
    answer = await crm.native(event("evt-81", "deal.won", rep="ana", record="d-17", fields={"amount": "1200.00"}))
    assert answer.status_code == 202
    (change,) = log.changes
    assert (change.key, change.type, change.event, change.owner) == (
        "acme/native/deal/d-17",
        "deal.won",
        "evt-81",
        "ana",
    )


async def test_the_receipt_counts_elements(crm: CrmSender) -> None:
    body = (await crm.native([event("1"), event("2"), event("")])).json()
    assert (body["accepted"], body["quarantined"], body["ignored"]) == (2, 1, 0)


async def test_the_receipt_names_each_problem_with_its_index(crm: CrmSender) -> None:
    body = (await crm.native([event("1"), event("")])).json()
    assert body["problems"] == [{"index": 1, "reason": "missing_id"}]


async def test_the_delivery_id_of_the_receipt_is_in_the_event(crm: CrmSender, log: FakeLog) -> None:
    body = (await crm.native(event())).json()
    assert body["delivery"] == log.changes[0].delivery


async def test_the_time_is_when_it_occurred_and_when_we_received_it(
    crm: CrmSender, log: FakeLog, clock: ManualClock
) -> None:
    await crm.native(event())
    assert (log.changes[0].occurred_at, log.changes[0].received_at) == (instants.parse(OCCURRED_AT), clock.now())


async def test_the_record_defaults_to_the_id(crm: CrmSender, log: FakeLog) -> None:
    await crm.native(event("evt-1"))
    assert log.changes[0].record == "evt-1"


async def test_an_integer_id_is_taken_as_its_text(crm: CrmSender, log: FakeLog) -> None:
    await crm.native(event(9007199254740993))
    assert log.changes[0].event == "9007199254740993"


async def test_a_type_that_nobody_heard_of_is_a_moment(crm: CrmSender, log: FakeLog) -> None:
    await crm.native(event(event_type="demo_room.booked"))
    assert log.changes[0].type == "demo_room.booked"


@pytest.mark.parametrize(
    ("said", "owner"),
    [
        ({}, UNSET),
        ({"rep": None}, UNSET),
        ({"rep": "ana"}, "ana"),
        ({"rep": 42}, "42"),
        ({"rep": "ana", "fields": {"owner": "bo"}}, "bo"),
        ({"rep": "ana", "fields": {"owner": None}}, None),
        ({"fields": {"owner": 7}}, "7"),
    ],
)
async def test_fields_owner_goes_before_rep_and_null_clears(
    crm: CrmSender, log: FakeLog, said: dict[str, Any], owner: Any
) -> None:
    await crm.native(event(**said))
    assert log.changes[0].owner == owner


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("1200.50", "1200.50"),
        ("1e3", "1e3"),
        ("-0.10", "-0.10"),
        ("123456789012345678901234567890.12", "123456789012345678901234567890.12"),
        ('"1200.50"', "1200.50"),
        ('"\\u00e9"', "é"),
        ('"\\ud83d\\ude80"', "🚀"),
        ("true", True),
        ("null", None),
        ('[1.50, {"a": "x"}]', '[1.50,{"a":"x"}]'),
    ],
)
async def test_a_fields_value_is_kept_as_sent(crm: CrmSender, log: FakeLog, sent: str, kept: Any) -> None:
    body = f'{{"id":"1","type":"deal.won","occurred_at":"{OCCURRED_AT}","fields":{{"value":{sent}}}}}'
    await crm.native(body)
    assert log.changes[0].fields == {"value": kept}


async def test_status_and_stage_stay_among_the_fields(crm: CrmSender, log: FakeLog) -> None:
    await crm.native(event(event_type="deal.stage_changed", fields={"stage": "demo", "status": "open"}))
    assert log.changes[0].fields == {"stage": "demo", "status": "open"}


async def test_an_unknown_key_beside_the_known_ones_does_no_harm(crm: CrmSender) -> None:
    assert (await crm.native(event(source_system="x"))).json()["accepted"] == 1


BROKEN = [
    ({"id": None}, "missing_id"),
    ({"id": ""}, "missing_id"),
    ({"id": True}, "invalid_id"),
    ({"id": 1.5}, "invalid_id"),
    ({"id": ["x"]}, "invalid_id"),
    ({"id": "x" * 513}, "invalid_id"),
    ({"type": None}, "missing_type"),
    ({"type": "won"}, "invalid_type"),
    ({"type": "Deal.Won"}, "invalid_type"),
    ({"type": "deal.won\n"}, "invalid_type"),
    ({"type": {}}, "invalid_type"),
    ({"occurred_at": None}, "missing_time"),
    ({"occurred_at": 1763890200}, "invalid_time"),
    ({"occurred_at": "2026-11-23"}, "invalid_time"),
    ({"occurred_at": "2026-11-23T09:30:00"}, "invalid_time"),
    ({"occurred_at": "2026-02-30T09:30:00Z"}, "invalid_time"),
    ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "invalid_time"),
    ({"record": ""}, "invalid_record"),
    ({"record": {}}, "invalid_record"),
    ({"rep": ""}, "invalid_rep"),
    ({"rep": False}, "invalid_rep"),
    ({"fields": []}, "invalid_fields"),
    ({"fields": {"owner": True}}, "invalid_fields"),
    ({"url": "javascript:alert(1)"}, "invalid_url"),
    ({"url": 5}, "invalid_url"),
]


@pytest.mark.parametrize(("broken", "reason"), BROKEN)
async def test_a_broken_element_is_kept_with_its_reason(
    crm: CrmSender, log: FakeLog, broken: dict[str, Any], reason: str
) -> None:
    answer = await crm.native([event("good"), event() | broken])
    assert (answer.status_code, [reject.reason for reject in log.rejects]) == (202, [reason])


@pytest.mark.parametrize("element", ["null", "5", '"text"', "[]", "true"])
async def test_an_element_that_is_no_object_is_kept(crm: CrmSender, log: FakeLog, element: str) -> None:
    good = f'{{"id":"1","type":"deal.won","occurred_at":"{OCCURRED_AT}"}}'
    await crm.native(f"[{good}, {element}]")
    assert [(reject.reason, reject.element.raw) for reject in log.rejects] == [("not_an_object", element.encode())]


async def test_half_a_surrogate_pair_is_kept_exactly_as_sent(crm: CrmSender, log: FakeLog) -> None:
    half = '{"id":"2","type":"deal.won","fields":{"name":"\\ud800"}}'
    good = f'{{"id":"1","type":"deal.won","occurred_at":"{OCCURRED_AT}"}}'
    await crm.native(f"[{good},{half}]")
    assert [(reject.reason, reject.element.raw) for reject in log.rejects] == [("invalid_text", half.encode())]


async def test_an_element_nested_too_deeply_is_kept(crm: CrmSender, log: FakeLog) -> None:
    nested: Any = {}
    for _ in range(40):
        nested = {"a": nested}
    await crm.native([event("1"), event("2", fields=nested)])
    assert [reject.reason for reject in log.rejects] == ["nested_too_deeply"]


async def test_many_brackets_in_a_text_are_no_depth(crm: CrmSender) -> None:
    assert (await crm.native(event(fields={"note": '["' * 50}))).json()["accepted"] == 1


async def test_a_day_ahead_of_our_clock_is_still_believed(crm: CrmSender, clock: ManualClock) -> None:
    limit = instants.text(clock.now() + instants.DAY_US)
    assert (await crm.native(event(occurred_at=limit))).json()["accepted"] == 1


async def test_more_than_a_day_ahead_is_kept_and_acknowledged(crm: CrmSender, clock: ManualClock, log: FakeLog) -> None:
    beyond = instants.text(clock.now() + instants.DAY_US + 1)
    answer = await crm.native(event(occurred_at=beyond))
    assert (answer.status_code, answer.json()["problems"]) == (202, [{"index": 0, "reason": "future_time"}])
    assert not log.changes


async def test_what_was_future_is_believed_when_its_time_has_come(crm: CrmSender, clock: ManualClock) -> None:
    early = event(occurred_at=instants.text(clock.now() + 2 * instants.DAY_US))
    clock.advance(timedelta(days=1))
    assert (await crm.native(early)).json()["accepted"] == 1


async def test_an_empty_array_is_a_receipt_of_nothing(crm: CrmSender) -> None:
    answer = await crm.native([])
    assert (answer.status_code, answer.json()["accepted"], answer.json()["quarantined"]) == (202, 0, 0)


async def test_a_delivery_without_one_usable_element_is_refused_whole(crm: CrmSender, log: FakeLog) -> None:
    answer = await crm.native([event(""), 5])
    assert (answer.status_code, answer.json()["reason"]) == (400, "no_usable_element")
    assert not log.rejects


async def test_the_refusal_names_the_problem_of_each_element(crm: CrmSender) -> None:
    problems = (await crm.native([event(""), 5])).json()["problems"]
    assert problems == [{"index": 0, "reason": "missing_id"}, {"index": 1, "reason": "not_an_object"}]
