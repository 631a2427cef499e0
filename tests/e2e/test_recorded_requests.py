"""Every recorded request over HTTP to a real ingest whose clock stands at the request's time; from outside only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support.embedded_kafka import embedded_kafka
from tests.support.eventually import eventually
from tests.support.frozen_clock import FrozenClock
from tests.support.kafka_reader import read_to_end
from tests.support.processes import Processes
from tests.support.recorded_requests import (
    REQUESTS,
    Addresses,
    Case,
    body_of,
    headers_of,
    recorded,
    wrong_answer,
)
from tests.support.stack import free_ports

__all__ = ["embedded_kafka"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not REQUESTS.is_file(), reason="no collection of recorded requests beside the project"),
]
TENANT = {"time_zone": "Europe/Berlin", "currency": "EUR"}
PEOPLE = {"teams": [{"id": "emea", "name": "EMEA"}], "reps": [{"id": "ana", "name": "Ana", "teams": ["emea"]}]}
CALLS = {"id": "calls", "name": "Calls", "type": "leading", "unit": "count", "better": "higher", "aggregate": "count"}
KPIS = {"kpis": [CALLS | {"facts": ["call.logged"], "periods": ["day"]}]}
Change = dict[str, Any]


class Door:
    """A running ingest with a source for each way to send; keeps what it answered."""

    def __init__(self, url: str, clock: FrozenClock, *, kafka: str, tenant: str, addresses: Addresses) -> None:
        self.http = httpx.Client(base_url=url, timeout=15)
        self._tenant = tenant
        self._clock = clock
        self._kafka = kafka
        self._addresses = addresses

    def send(self, case: Case) -> httpx.Response:
        self._clock.set(case["now"])
        path, headers = self._addresses.path(case), headers_of(case)
        return self.http.request(case["method"], path, content=body_of(case), headers=headers)

    def source(self, case: Case) -> str:
        return self._addresses.source(case)

    def changes(self) -> list[Change]:
        """What is on the log, heartbeats left out: all that was acknowledged is."""
        told = [json.loads(message.value()) for message in read_to_end(self._kafka, "crm.events")]
        return [change for change in told if change["tenant"] == self._tenant]


@pytest.fixture(params=[False, True], ids=["true timers", "stopped timers"])
def door(request: pytest.FixtureRequest, tmp_path: Path, processes: Processes, embedded_kafka: str) -> Iterator[Door]:
    clock = FrozenClock(tmp_path / "hands", stops_timers=request.param)
    clock.set(1772463900)
    addresses, config = Addresses(recorded()), tmp_path / "config"
    tenant = "stopped" if request.param else "true"  # both share a broker
    config.mkdir()
    files = {
        "tenant": TENANT | {"tenant": tenant},
        "people": PEOPLE,
        "kpis": KPIS,
        "sources": {"sources": addresses.sources},
    }
    for name, content in files.items():
        (config / f"{name}.yaml").write_text(yaml.safe_dump(content, allow_unicode=True))
    (port,) = free_ports(1)
    environment = {
        "PACER_CONFIG_DIR": str(config),
        "PACER_KAFKA__BOOTSTRAP_SERVERS": embedded_kafka,
        "PACER_HTTP__PORT": str(port),
        "PACER_SPOOL__DIR": str(tmp_path / "spool"),
        **addresses.secrets,
        **clock.environment,
    }
    processes.start("services.ingest", env=environment)
    opened = Door(f"http://127.0.0.1:{port}", clock, kafka=embedded_kafka, tenant=tenant, addresses=addresses)
    yield opened
    opened.http.close()


async def test_each_gets_its_answer_and_means_what_it_should(door: Door) -> None:
    await eventually(lambda: door.http.get("/readyz").status_code, equals=200, within_seconds=40)
    answers = [(case, door.send(case)) for case in recorded()]
    assert [wrong for case, answer in answers if (wrong := wrong_answer(case, answer.status_code))] == []

    first = door.changes()
    missing = [
        f"{case['crm']} {case['name']}: {hint}"
        for case, answer in answers
        if answer.is_success and case["method"] == "POST"
        for hint in unmet(case, said_by(door.source(case), answer, first), answer)
    ]
    assert missing == []

    for case, answer in answers:
        if answer.is_success:
            assert door.send(case).status_code == answer.status_code, case["name"]
    again = door.changes()
    assert len(again) == 2 * len(first)
    assert {identity(change) for change in again} == {identity(change) for change in first}


def said_by(source: str, answer: httpx.Response, changes: list[Change]) -> list[Change]:
    """The changes of a delivery; of one whose answer has no room for a receipt, those of its source."""
    if is_receipt(answer):
        delivery = answer.json()["delivery"]
        return [change for change in changes if change["delivery"] == delivery]
    return [change for change in changes if change["source"] == source]


def is_receipt(answer: httpx.Response) -> bool:
    return answer.headers["content-type"] == "application/json" and "delivery" in answer.json()


def identity(change: Change) -> tuple[Any, ...]:
    return change["source"], change["record_type"], change["record"], change["event"], change["occurred_at"]


def field(name: str) -> Callable[[Change], Any]:
    return lambda change: change.get("fields", {}).get(name)


TOLD: dict[str, Callable[[Change], Any]] = {
    "object_id": lambda change: change["record"],
    "owner_id": lambda change: change.get("owner"),
    "amount": field("amount"),
    "currency": field("currency"),
    "stage": field("stage"),
    "duration_s": field("duration_seconds"),
    "direction": field("direction"),
    "deal_id": field("deal"),
    "survivor_id": field("into"),
}
"""Where the log has what a hint calls so."""


def unmet(case: Case, changes: list[Change], answer: httpx.Response) -> Iterator[str]:
    """The hints of what a request means that the log does not bear out."""
    hints = case["expect"].get("normalized_hint", {})
    for event in hints.get("events", []):
        if "error" in event:
            continue
        for name, read in TOLD.items():
            if name in event and not any(same(read(change), event[name]) for change in changes):
                yield f"{name} {event[name]!r}, but {[read(change) for change in changes]}"
        if not set(event.get("merged_ids", ())) <= {change["record"] for change in changes}:
            yield f"merged {event['merged_ids']}"
    emitted = {f"{change['record_type']}.{change['verb']}" for change in changes}
    if emitted & set(hints.get("must_not_emit", ())):
        yield f"must not be {emitted}"
    if is_receipt(answer) and hints.get("unmapped") and not answer.json()["quarantined"] + answer.json()["ignored"]:
        yield "unmapped, but neither kept in quarantine nor ignored"


def same(told: Any, hint: Any) -> bool:
    if told is None or hint is None:
        return told is hint
    try:
        return Decimal(str(told)) == Decimal(str(hint))
    except InvalidOperation:
        return str(told) == str(hint)
