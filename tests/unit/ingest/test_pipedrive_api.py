"""Pipedrive's API: paths, and that an object it answers means what the same object in a webhook means."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.delivery import Context
from services.ingest.domain.enrichment import Ask
from services.ingest.domain.said import Unusable
from services.ingest.domain.strict_json import one_object
from services.ingest.providers.pipedrive_api import API
from shared.domain.changes import RecordChange
from shared.domain.instants import parse
from shared.domain.sources import Source

NOW = parse("2026-11-23T10:00:00Z")
CONTEXT = Context(Source(id="pd", tenant="acme", provider="pipedrive", secrets=("s",)), "enrichment", NOW)
DEAL = {
    "id": 8,
    "title": "Acme",
    "value": 100.5,
    "currency": "EUR",
    "status": "won",
    "stage_id": 2,
    "owner_id": 77,
    "org_id": 3,
    "add_time": "2026-11-20T09:00:00Z",
    "update_time": "2026-11-23T09:45:00Z",
    "won_time": "2026-11-22T12:00:00Z",
}


def ask(kind: str = "deal", *missing: str, record: str = "8") -> Ask:
    return Ask(
        tenant="acme",
        source="pd",
        record_type=kind,
        record=record,
        event="8087566:meta-1",
        missing=missing,
        received_at=NOW,
    )


def read(data: Any, *missing: str, kind: str = "deal", success: Any = True) -> list[RecordChange]:
    (element,) = one_object(json.dumps({"success": success, "data": data}).encode())
    assert isinstance(element.value, dict)
    return API.translate(element.value, ask(kind, *missing), CONTEXT)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("deal", "/api/v2/deals/8"),
        ("call", "/api/v2/activities/8"),
        ("task", "/api/v2/activities/8"),
        ("lead", "/v1/leads/8"),
    ],
)
def test_where_a_record_is_asked_for(kind: str, path: str) -> None:
    request = API.request(ask(kind), "token")
    assert request is not None
    assert (request.path, request.headers, request.query) == (path, {"x-api-token": "token"}, {})


def test_what_it_does_not_have_is_not_asked_for() -> None:
    assert API.request(ask("quote"), "token") is None


def test_a_deal_is_what_it_is_since_its_last_update_and_won_at_its_own_time() -> None:
    (change,) = read(DEAL)
    assert (change.type, change.occurred_at) == ("deal.updated", parse("2026-11-23T09:45:00Z"))
    assert (change.owner, change.times) == ("77", {"won": parse("2026-11-22T12:00:00Z")})
    named = {name: change.fields[name] for name in ("amount", "currency", "status", "stage", "account")}
    assert named == {"amount": "100.5", "currency": "EUR", "status": "won", "stage": "2", "account": "3"}


def test_the_same_version_is_the_same_event_whatever_the_order_of_its_fields() -> None:
    (first,), (second,) = read(DEAL), read(dict(reversed(DEAL.items())))
    assert (first.event, first.fields) == (second.event, second.fields)


def test_another_content_of_the_same_second_is_another_event() -> None:
    (first,), (second,) = read(DEAL), read(DEAL | {"value": 101})
    assert first.event != second.event


def test_a_record_that_was_never_updated_is_as_old_as_it_is() -> None:
    (change,) = read(DEAL | {"update_time": None, "status": "open", "won_time": None})
    assert change.occurred_at == parse("2026-11-20T09:00:00Z")


def test_a_call_that_is_done_is_logged_when_it_was_done() -> None:
    done = {
        "id": 8,
        "type": "call",
        "done": True,
        "owner_id": 77,
        "duration": "00:02:00",
        "update_time": "2026-11-23T09:45:00Z",
        "marked_as_done_time": "2026-11-23 09:30:00",
    }
    (change,) = read(done, kind="call")
    assert (change.type, change.times) == ("call.logged", {"logged": parse("2026-11-23T09:30:00Z")})
    assert change.fields["duration_seconds"] == "120"


def test_a_call_of_which_nobody_knows_when_it_was_done_is_no_moment() -> None:
    (change,) = read({"id": 8, "type": "call", "done": True, "update_time": "2026-11-23T09:45:00Z"}, kind="call")
    assert change.type == "call.updated"


def test_an_activity_that_is_of_another_type_by_now_says_nothing_of_the_record_that_was_asked_for() -> None:
    assert read({"id": 8, "type": "meeting", "update_time": "2026-11-23T09:45:00Z"}, kind="call") == []


def test_what_is_missing_and_has_no_value_is_null() -> None:
    (change,) = read({"id": 8, "status": "open", "update_time": "2026-11-23T09:45:00Z"}, "amount")
    assert change.fields["amount"] is None


@pytest.mark.parametrize(
    ("data", "success"),
    [
        (None, True),
        ([], True),
        (DEAL, False),
        (DEAL, "yes"),
        (DEAL | {"id": 9}, True),
        (DEAL | {"update_time": "yesterday"}, True),
        (DEAL | {"update_time": "2027-01-01T00:00:00Z"}, True),
        (DEAL | {"value": "a lot"}, True),
    ],
)
def test_what_cannot_be_read_is_unusable(data: Any, success: Any) -> None:
    with pytest.raises(Unusable):
        read(data, success=success)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([*DEAL, "type", "done", "due_time"]), JSON, st.sampled_from(["deal", "call", "lead"]))
def test_no_answer_escapes_as_an_error(key: str, value: Any, kind: str) -> None:
    with suppress(Unusable):
        read(DEAL | {"type": "call", key: value}, kind=kind)
