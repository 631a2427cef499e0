"""Dataverse's key, in the query or in a header; and that no body is too odd for an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.dataverse_messages import CODE, KEY, as_sent, dataverse_desk, execution, pairs
from tests.unit.ingest.test_fuzz import JSON

BODY = as_sent(execution("Delete"))
HEADER = {"options": {"header": "X-Pacer-Key"}}


@pytest.mark.parametrize("query", ["", "code", "code=", "x=1", "CODE=" + KEY])
async def test_without_a_key_nothing_is_taken(query: str) -> None:
    answer = await dataverse_desk().send(BODY, query=query)
    assert (answer.status_code, answer.json()["reason"]) == (401, "missing_credentials")


@pytest.mark.parametrize("query", ["code=guess", CODE + "%00", "code=%C3%A9", "code=wrong&" + CODE, CODE + "+"])
async def test_a_wrong_key_is_refused(query: str) -> None:
    answer = await dataverse_desk().send(BODY, query=query)
    assert (answer.status_code, answer.json()["reason"]) == (401, "wrong_credentials")


@pytest.mark.parametrize("query", [CODE, "x=1&" + CODE, CODE + "&" + CODE, CODE.replace("6", "%36")])
async def test_the_key_may_be_anywhere_in_the_query(query: str) -> None:
    assert (await dataverse_desk().send(BODY, query=query)).status_code == 202


@pytest.mark.parametrize("written", ["a+b/c==", "a%2Bb%2Fc%3D%3D"])
async def test_a_key_in_base64_is_taken_escaped_or_not(written: str) -> None:
    assert (await dataverse_desk(secrets=("a+b/c==",)).send(BODY, query="code=" + written)).status_code == 202


async def test_any_of_the_sources_keys_will_do() -> None:
    assert (await dataverse_desk(secrets=("new", KEY)).send(BODY, query=CODE)).status_code == 202


@pytest.mark.parametrize(("headers", "status"), [({"x-pacer-key": KEY}, 202), ({"x-pacer-key": "no"}, 401), ({}, 401)])
async def test_a_source_with_a_header_wants_the_key_there(headers: dict[str, str], status: int) -> None:
    assert (await dataverse_desk(**HEADER).send(BODY, headers=headers)).status_code == status


async def test_a_source_with_a_header_does_not_look_at_the_query() -> None:
    assert (await dataverse_desk(**HEADER).send(BODY, query=CODE)).status_code == 401


@pytest.mark.parametrize("body", [b"", b"null", b"[{}]", b'{"BusinessUnitId":', b"\xff", b"[" * 5000])
async def test_what_is_no_object_is_malformed(body: bytes) -> None:
    assert (await dataverse_desk().send(body, query=CODE)).status_code == 400


async def test_only_json_is_read() -> None:
    answer = await dataverse_desk().send(BODY, query=CODE, headers={"content-type": "text/xml"})
    assert answer.status_code == 415


async def test_while_the_log_is_away_dataverse_is_told_to_try_again() -> None:
    desk = dataverse_desk()
    desk.log.away = True
    assert (await desk.send(BODY, query=CODE)).status_code == 503


MEMBERS = [name for name in execution() if name not in {"MessageName", "PrimaryEntityName"}]
ATTRIBUTES = ["estimatedvalue", "actualvalue", "ownerid", "statecode", "statuscode", "stageid", "regardingobjectid"]
MORE = [*ATTRIBUTES, "directioncode", "actualdurationminutes", "actualend", "scheduledstart", "parentaccountid", "x"]
NAMES = ["opportunity", "phonecall", "appointment", "email", "lead", "quote"]
MESSAGES = ["Create", "Update", "Win", "Assign", "Merge", "QualifyLead", "SetState", "Delete"]


@given(st.sampled_from(MESSAGES), st.dictionaries(st.sampled_from(MEMBERS), JSON, min_size=1))
@settings(max_examples=100, deadline=None)
def test_anything_in_any_member_gets_an_answer(message: str, spoilt: dict[str, Any]) -> None:
    body = json.dumps(execution(message, "lead") | spoilt).encode()
    assert dataverse_desk().deliver(body, query=CODE).status_code in {202, 400}  # 400: NaN and the like are no JSON


@given(st.sampled_from(NAMES), st.sampled_from(["Create", "Update"]), st.dictionaries(st.sampled_from(MORE), JSON))
@settings(max_examples=100, deadline=None)
def test_anything_as_an_attribute_is_taken_or_kept(name: str, message: str, attributes: dict[str, Any]) -> None:
    desk = dataverse_desk()
    answer = desk.deliver(json.dumps(execution(message, name, target=attributes)).encode(), query=CODE)
    assert answer.status_code in {202, 400}
    assert len(desk.log.changes) + len(desk.log.rejects) == (answer.status_code == 202)


@given(st.sampled_from(MESSAGES), st.dictionaries(st.sampled_from(["Target", "OpportunityClose", "Assignee"]), JSON))
@settings(max_examples=100, deadline=None)
def test_anything_as_a_parameter_is_taken_or_kept(message: str, parameters: dict[str, Any]) -> None:
    desk = dataverse_desk()
    body = json.dumps(execution(message, "opportunity", InputParameters=pairs(parameters))).encode()
    assert desk.deliver(body, query=CODE).status_code in {202, 400}
