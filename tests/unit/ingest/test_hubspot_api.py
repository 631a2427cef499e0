"""HubSpot's API: what is asked for, and that its answer adds up with the webhooks to one record, in any order."""

from __future__ import annotations

import itertools
import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.delivery import Accepted, Context
from services.ingest.domain.enrichment import Ask
from services.ingest.domain.said import Unusable
from services.ingest.domain.strict_json import one_object
from services.ingest.providers import hubspot
from services.ingest.providers.hubspot_api import API
from services.ingest.providers.provider import json_element
from shared.domain.changes import RecordChange
from shared.domain.derivation import facts_of
from shared.domain.instants import parse
from shared.domain.records import Record, RecordKey
from shared.domain.tenant import Credit
from tests.support.crm_sender import hubspot_event
from tests.support.ingest_app import hubspot_source

UPDATED = "2026-11-23T09:45:00.250Z"
NOW = parse("2026-11-23T10:00:00Z")
CONTEXT = Context(hubspot_source(), "enrichment", NOW)
DEAL = 41122334455


def ask(kind: str = "deal", *missing: str, record: str = str(DEAL)) -> Ask:
    return Ask(
        tenant="acme",
        source="hubspot",
        record_type=kind,
        record=record,
        event=f"247279312:{kind}:{record}:creation@1795426200000",
        missing=missing,
        received_at=NOW,
    )


def answer(given: dict[str, Any], *, histories: Any = None, **others: Any) -> Any:
    body = {
        "id": str(DEAL),
        "properties": given,
        "updatedAt": UPDATED,
        "propertiesWithHistory": histories,
    } | others
    (element,) = one_object(json.dumps(body).encode())
    return element.value


def versions(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"value": value, "timestamp": at, "sourceType": "CRM_UI"} for value, at in pairs]


def read(properties: dict[str, Any], *missing: str, kind: str = "deal", **others: Any) -> list[RecordChange]:
    return API.translate(answer(properties, **others), ask(kind, *missing), CONTEXT)


def test_one_record_is_asked_for_with_what_kpis_read_and_what_is_missing() -> None:
    request = API.request(ask("call", "owner", "duration_seconds", "hs_call_title"), "token")
    assert request is not None
    assert request.path == f"/crm/v3/objects/calls/{DEAL}"
    asked = request.query["properties"].split(",")
    assert {"hubspot_owner_id", "hs_call_duration", "hs_call_direction", "hs_timestamp", "hs_call_title"} <= set(asked)
    assert len(asked) == len(set(asked))


def test_an_id_stays_in_its_place() -> None:
    request = API.request(ask(record="../companies/1?x="), "token")
    assert request is not None and request.path == "/crm/v3/objects/deals/..%2Fcompanies%2F1%3Fx%3D"


def test_what_no_kpi_reads_is_not_asked_for() -> None:
    assert API.request(ask("contact"), "token") is None


def test_a_call_gets_our_names_and_its_own_time() -> None:
    properties = {
        "hs_timestamp": "2026-11-23T09:00:00Z",
        "hs_call_duration": "92500",
        "hs_call_direction": "OUTBOUND",
        "hubspot_owner_id": "77",
    }
    (change,) = read(properties, kind="call")
    assert (change.type, change.owner) == ("call.updated", "77")
    assert (change.fields["duration_seconds"], change.fields["direction"]) == ("92.5", "outbound")
    assert change.times == {"logged": parse("2026-11-23T09:00:00Z")}
    assert change.occurred_at == parse(UPDATED)


def test_what_is_missing_and_has_no_value_is_missing_no_more() -> None:
    (change,) = read({"amount": None}, "owner", "amount", "currency")
    assert (change.owner, change.fields) == (None, {"amount": None, "currency": None})
    assert change.missing == ()


def test_each_version_of_a_stage_is_said_at_its_own_time_under_its_webhooks_id() -> None:
    history = {"dealstage": versions(("closedwon", "2026-11-23T09:45:00.250Z"), ("signing", "2026-11-23T09:30:00Z"))}
    won, signing, rest = read({"dealstage": "closedwon", "amount": "5"}, histories=history)
    webhook = hubspot_event(
        occurredAt=1795427100250, propertyName="dealstage", propertyValue="closedwon", objectId=DEAL
    )
    (outcome,) = hubspot.translate([json_element(json.dumps(webhook).encode())], CONTEXT)
    assert isinstance(outcome, Accepted)
    (said,) = outcome.changes
    assert (won.event, won.occurred_at, won.fields) == (said.event, said.occurred_at, said.fields)
    assert signing.occurred_at == parse("2026-11-23T09:30:00Z")
    assert "stage" not in rest.fields


def test_creation_and_answer_make_one_deal_won_in_any_order_and_number() -> None:
    created = hubspot_event("deal.creation", objectId=DEAL, occurredAt=1795426200000)
    (outcome,) = hubspot.translate([json_element(json.dumps(created).encode())], CONTEXT)
    assert isinstance(outcome, Accepted)
    history = {
        "dealstage": versions(("closedwon", UPDATED), ("signing", "2026-11-23T09:30:00Z")),
        "hubspot_owner_id": versions(("77", "2026-11-23T09:30:00Z")),
    }
    api = read({"amount": "1200.50", "deal_currency_code": "EUR"}, "amount", histories=history)
    changes = [*outcome.changes, *api, *api]
    orders = itertools.islice(itertools.permutations(changes), 0, None, 97)
    found = {msgspec.json.encode(_facts(order), order="sorted") for order in orders}
    assert len(found) == 1
    won = next(fact for fact in _facts(changes) if fact.kind == "deal.won")
    assert (won.at, won.owner, won.fields["amount"]) == (parse(UPDATED), "77", "1200.50")


def test_a_record_that_was_asked_for_misses_nothing_any_more() -> None:
    created = hubspot_event("object.creation", objectTypeId="0-48", objectId=DEAL)
    (outcome,) = hubspot.translate([json_element(json.dumps(created).encode())], CONTEXT)
    assert isinstance(outcome, Accepted)
    (thin,) = outcome.changes
    for order in itertools.permutations([thin, *read({"hs_call_duration": None}, *thin.missing, kind="call")]):
        assert thin.missing and not _record(order).missing


def _record(changes: Any) -> Record:
    first, *others = changes
    record = Record.of(first)
    for change in others:
        record.merge(change)
    return record


def _facts(changes: Any) -> list[Any]:
    return sorted(facts_of(RecordKey.of(changes[0]), _record(changes), Credit()), key=lambda fact: (fact.kind, fact.at))


@pytest.mark.parametrize(
    "broken",
    [
        {"id": "6"},
        {"id": None},
        {"updatedAt": None},
        {"updatedAt": "2027-01-01T00:00:00Z"},
        {"properties": []},
        {"properties": {"amount": 5}},
        {"properties": {"amount": ["5"]}},
        {"propertiesWithHistory": {"dealstage": ["signing"]}},
        {"propertiesWithHistory": {"dealstage": [{"value": "signing", "timestamp": True}]}},
    ],
)
def test_what_cannot_be_read_is_unusable(broken: dict[str, Any]) -> None:
    with pytest.raises(Unusable):
        API.translate(answer({}, **broken), ask(), CONTEXT)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["id", "properties", "updatedAt", "propertiesWithHistory"]), JSON)
def test_no_answer_escapes_as_an_error(key: str, value: Any) -> None:
    with suppress(Unusable):
        API.translate(answer({}, **{key: value}), ask(), CONTEXT)
