"""What a line of history says: as a webhook would have said it, but no source has spoken."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import msgspec
import pytest

from cli.history.checking import Check, Findings
from cli.history.lines import Form, lines_of
from cli.history.translation import BadLine, Translation
from services.ingest.domain.delivery import Accepted, Context, Delivery
from services.ingest.providers import hubspot, native
from shared.contracts.records import pack_single
from shared.domain.changes import IMPORTED, RecordChange
from shared.domain.instants import parse
from shared.domain.sources import Source
from shared.domain.tenant import Tenant
from tests.support.tenants import tenant

NOW = parse("2026-11-25T12:00:00Z")
NATIVE = Source(id="own", tenant="acme", provider="native", secrets=())
HUBSPOT = Source(id="crm", tenant="acme", provider="hubspot", secrets=(), won_stages=frozenset({"signed"}))


def event(**said: Any) -> dict[str, Any]:
    return {"id": "e1", "type": "deal.won", "occurred_at": "2026-11-23T09:30:00Z", "rep": "ana"} | said


def translated(*events: dict[str, Any], source: Source = NATIVE) -> list[RecordChange | BadLine]:
    content = "\n".join(map(json.dumps, events)).encode()
    return [Translation(source, "im_1", NOW).change(line) for line in lines_of(BytesIO(content), Form.JSON_LINES)]


def test_a_line_is_stored_as_the_same_webhook_is() -> None:
    said = event(fields={"amount": 1200.50, "note": {"a": [1]}}, url="https://crm.example/1", record="d-1")
    (imported,) = translated(said)
    delivery = Delivery(method="POST", headers={b"content-type": b"application/json"}, body=json.dumps(said).encode())
    (received,) = native.translate(native.parse(delivery, NATIVE), Context(NATIVE, "dl_1", NOW))

    assert isinstance(received, Accepted) and isinstance(imported, RecordChange)
    assert pack_single(imported) == pack_single(received.changes[0]) and imported.key == received.changes[0].key


def test_a_line_is_known_as_imported() -> None:
    (imported,) = translated(event())

    assert isinstance(imported, RecordChange) and imported.delivery.startswith(IMPORTED)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"id": ""}, "missing_id"),
        ({"type": "deal"}, "invalid_type"),
        ({"occurred_at": "2026-11-23T09:30:00"}, "invalid_time"),
        ({"occurred_at": "2026-11-26T12:00:01Z"}, "future_time"),
        ({"occurred_at": "0004-01-01T00:00:00Z"}, "impossible_time"),
        ({"url": "ftp://x"}, "invalid_url"),
    ],
)
def test_a_line_that_a_webhook_could_not_be_is_bad_with_a_remedy(said: dict[str, Any], reason: str) -> None:
    (found,) = translated(event(**said))

    assert isinstance(found, BadLine) and found.reason == reason and found.remedy


def test_a_day_ahead_is_as_good_as_in_a_webhook() -> None:
    assert isinstance(translated(event(occurred_at="2026-11-26T12:00:00Z"))[0], RecordChange)


@pytest.mark.parametrize(("stage", "status"), [("signed", "won"), ("talking", "open")])
def test_a_stage_of_hubspot_says_the_status_that_its_webhook_says(stage: str, status: str) -> None:
    (imported,) = translated(event(type="deal.stage_changed", fields={"stage": stage}), source=HUBSPOT)
    change = {"eventType": "deal.propertyChange", "propertyName": "dealstage", "propertyValue": stage, "objectId": 1}
    body = json.dumps([change | {"subscriptionType": "deal.propertyChange", "portalId": 1, "occurredAt": NOW // 1000}])
    delivery = Delivery(method="POST", headers={b"content-type": b"application/json"}, body=body.encode())
    elements = hubspot.PROVIDER.parse(delivery, HUBSPOT)
    (received,) = hubspot.PROVIDER.translate(elements, Context(HUBSPOT, "dl_1", NOW))

    assert isinstance(imported, RecordChange) and isinstance(received, Accepted)
    assert imported.fields == received.changes[0].fields == {"stage": stage, "status": status}


@pytest.mark.parametrize("said", [{"fields": {"stage": "signed", "status": "open"}}, {"type": "deal.lost"}])
def test_a_status_that_is_said_stays(said: dict[str, Any]) -> None:
    line = {"fields": {"stage": "signed"}, "type": "deal.updated"} | said
    (imported,) = translated(event(**line), source=HUBSPOT)

    assert isinstance(imported, RecordChange) and imported.fields == line["fields"]


def test_other_records_have_stages_of_their_own() -> None:
    (imported,) = translated(event(type="lead.created", fields={"stage": "signed"}), source=HUBSPOT)

    assert isinstance(imported, RecordChange) and imported.fields == {"stage": "signed"}


def checked(*events: dict[str, Any], of: Tenant | None = None) -> tuple[Findings, list[BadLine]]:
    content = "\n".join(map(json.dumps, events)).encode()
    acme = of or msgspec.structs.replace(tenant(), owners={("own", "ana"): "ana"}, retention_days=10)
    told: list[BadLine] = []
    check = Check(Translation(NATIVE, "im_1", NOW), acme, now=NOW)
    return check.run(lines_of(BytesIO(content), Form.JSON_LINES), told.append), told


def test_a_check_counts_types_and_times() -> None:
    found, _ = checked(event(), event(occurred_at="2026-11-24T09:30:00Z"), event(type="call.logged"))

    assert found.events == 3 and found.types == {"deal.won": 2, "call.logged": 1}
    assert (found.first_at, found.last_at) == (parse("2026-11-23T09:30:00Z"), parse("2026-11-24T09:30:00Z"))


def test_a_check_tells_every_bad_line_and_shows_the_first() -> None:
    found, told = checked(*[event(type="x") for _ in range(30)])

    assert (found.bad, len(found.shown), len(told)) == (30, 20, 30)
    assert [bad.line.number for bad in told] == list(range(1, 31))


def test_a_check_notices_owners_whom_nobody_claims() -> None:
    found, _ = checked(event(), event(rep="zoe"), event(fields={"owner": None}), event(rep=None))

    assert found.unmapped == {"zoe": 1}


def test_a_check_notices_what_retention_will_not_keep() -> None:
    found, _ = checked(event(occurred_at="2026-11-15T00:00:00Z"), event(occurred_at="2026-11-14T23:59:59Z"))

    assert found.expired == 1
