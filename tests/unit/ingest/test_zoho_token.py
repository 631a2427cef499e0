"""Zoho's token stands in the body: whatever the body is, the answer is one of the contract's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.zoho_messages import CHANNEL, TOKEN, notification, zoho_desk
from tests.unit.ingest.test_fuzz import JSON


@pytest.mark.parametrize("token", [None, "", 5, True, {"$ne": None}, [TOKEN]])
async def test_a_token_that_is_no_text_is_none(token: Any) -> None:
    answer = await zoho_desk().send(notification(token=token))
    assert (answer.status_code, answer.json()["reason"]) == (401, "missing_credentials")


@pytest.mark.parametrize("token", ["guess", TOKEN + " ", TOKEN.lower(), "é", "\ud800", TOKEN + "\0"])
async def test_a_wrong_token_is_refused(token: str) -> None:
    answer = await zoho_desk().send(notification(token=token))
    assert (answer.status_code, answer.json()["reason"]) == (401, "wrong_credentials")
    assert "www-authenticate" in answer.headers


async def test_without_a_token_nothing_is_taken() -> None:
    body = notification()
    del body["token"]
    assert (await zoho_desk().send(body)).status_code == 401


async def test_a_number_is_not_the_text_that_it_looks_like() -> None:
    assert (await zoho_desk(secrets=("12345",)).send(notification(token=12345))).status_code == 401


@pytest.mark.parametrize("token", ["new", "old"])
async def test_any_of_the_sources_tokens_will_do(token: str) -> None:
    assert (await zoho_desk(secrets=("new", "old")).send(notification(token=token))).status_code == 202


@pytest.mark.parametrize(
    ("channel", "status"), [(CHANNEL, 202), (int(CHANNEL), 202), ("2", 403), (None, 403), ([CHANNEL], 403)]
)
async def test_only_the_channels_that_are_named_may_send(channel: Any, status: int) -> None:
    answer = await zoho_desk(options={"channel_ids": (CHANNEL,)}).send(notification(channel_id=channel))
    assert answer.status_code == status


async def test_of_a_channel_nothing_is_told_to_who_does_not_know_the_token() -> None:
    desk = zoho_desk(options={"channel_ids": (CHANNEL,)})
    assert (await desk.send(notification(channel_id="2", token="guess"))).status_code == 401


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[1,2,3]", b'"token"', b"5", b"{", b'{"token":NaN}', b"\xff", b"[" * 5000, b'{"a":' * 5000]
)
async def test_what_is_no_object_is_malformed(body: bytes) -> None:
    answer = await zoho_desk().send(body)
    assert (answer.status_code, answer.json()["reason"]) == (400, "malformed_body")


async def test_only_json_is_read() -> None:
    answer = await zoho_desk().send(b"token=x", headers={"content-type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 415


async def test_too_many_records_are_refused() -> None:
    answer = await zoho_desk().send(notification(ids=[str(number) for number in range(1001)]))
    assert (answer.status_code, answer.json()["reason"]) == (413, "too_many_elements")


KEYS = ["server_time", "affected_values", "affected_fields", "module", "operation", "ids", "channel_id", "values"]
VALUES = ["Amount", "Stage", "Owner", "Currency", "Account_Name", "Modified_Time", "Call_Duration", "What_Id"]
CALLS = [*VALUES, "Call_Status", "Outgoing_Call_Status", "Call_Type", "Call_Start_Time", "$se_module", "Created_Time"]


def test_anything_in_any_key_gets_an_answer() -> None:
    desk = zoho_desk()

    @given(st.dictionaries(st.sampled_from(KEYS), JSON, min_size=1))
    @settings(max_examples=100, deadline=None)
    def sent(spoilt: dict[str, Any]) -> None:
        answer = desk.deliver(notification(**spoilt))
        assert answer.status_code in {202, 400}, answer.text

    sent()


@given(st.sampled_from(["Deals", "Calls", "Tasks", "Quotes", "Leads", "Events"]), st.data())
@settings(max_examples=100, deadline=None)
def test_anything_as_a_value_is_taken_or_kept(module: str, data: st.DataObject) -> None:
    values = data.draw(st.dictionaries(st.sampled_from(CALLS), JSON, min_size=1))
    desk = zoho_desk()
    answer = desk.deliver(notification(module, data.draw(st.sampled_from(["insert", "update"])), values=values))
    assert answer.status_code in {202, 400}  # 400 for NaN and the like, which are no JSON
    assert len(desk.log.changes) + len(desk.log.rejects) == (answer.status_code == 202)
    for change in desk.log.changes:
        json.dumps(change.fields, ensure_ascii=False).encode()
        assert change.has_possible_times
