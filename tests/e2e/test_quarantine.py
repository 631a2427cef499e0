"""What cannot be used, through a running `pacer up`: listed, shown, tried again by the command and by the API."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from tests.support.eventually import eventually
from tests.support.stack import HUBSPOT_SECRET, PUBLIC_URL, TOKEN, Stack

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC).replace(microsecond=0)
PEOPLE = {
    "teams": [{"id": "floor", "name": "Floor"}],
    "reps": [{"id": "ana", "name": "Ana", "teams": ["floor"], "identities": {"hubspot": ["11"]}}],
}
CONFIGURATION: dict[str, Any] = {
    "tenant": {"tenant": "shop", "name": "Shop", "time_zone": "UTC", "currency": "EUR"},
    "sources": {
        "sources": [
            {"id": "native", "provider": "native", "secrets": [{"env": "TEST_TOKEN"}]},
            {"id": "hubspot", "provider": "hubspot", "public_url": PUBLIC_URL, "secrets": [{"env": "TEST_HUBSPOT"}]},
        ]
    },
    "people": PEOPLE,
    "kpis": {
        "kpis": [
            {
                "id": "calls",
                "name": "Calls",
                "type": "leading",
                "unit": "count",
                "aggregate": "count",
                "facts": ["call.logged"],
                "periods": ["day"],
            },
            {
                "id": "revenue",
                "name": "Revenue",
                "type": "lagging",
                "unit": "money",
                "aggregate": "sum",
                "field": "amount",
                "facts": ["deal.won"],
                "periods": ["day"],
            },
        ]
    },
}


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with Stack(tmp_path, CONFIGURATION) as running:
        yield running


def call(event_id: str, rep: str = "ana", at: datetime = NOW) -> dict[str, Any]:
    return {"id": event_id, "type": "call.logged", "rep": rep, "occurred_at": at.isoformat()}


def won(event_id: str, amount: str, currency: str) -> dict[str, Any]:
    fields = {"amount": amount, "currency": currency}
    return call(event_id) | {"type": "deal.won", "record": event_id, "fields": fields}


def hubspot_deal(object_id: int, name: str, value: str) -> dict[str, Any]:
    stamp = int(NOW.timestamp() * 1000)
    return {
        "portalId": 7,
        "subscriptionType": "deal.propertyChange",
        "objectId": object_id,
        "propertyName": name,
        "propertyValue": value,
        "occurredAt": stamp,
    }


async def pacer(stack: Stack, *arguments: str) -> tuple[int, str]:
    """The exit code and all that `pacer quarantine ...` printed."""
    command = [sys.executable, "-m", "cli.main", "quarantine", *arguments, "--data", str(stack.data)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False, timeout=90)
    return done.returncode, done.stdout + done.stderr


async def listed(stack: Stack, **parameters: str) -> list[dict[str, Any]]:
    found = await stack.get("/v1/quarantine", **parameters)
    entries: list[dict[str, Any]] = found["entries"]
    return entries


async def waiting(stack: Stack, count: int, **parameters: str) -> list[dict[str, Any]]:
    async def look() -> list[dict[str, Any]] | None:
        entries = await listed(stack, **parameters)
        return entries if len(entries) == count else None

    found = await eventually(look, within_seconds=20)
    assert found is not None
    return found


def kafka_of(stack: Stack) -> str:
    return str(json.loads((stack.data / "deployment.json").read_text())["kafka"])


def whole_topic(stack: Stack, topic: str) -> bytes:
    """Everything that a topic holds, keys, values and headers."""
    consumer = Consumer({"bootstrap.servers": kafka_of(stack), "group.id": "reader", "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    found, deadline = [], time.monotonic() + 3
    while time.monotonic() < deadline:
        found += [repr((m.key(), m.headers())).encode() + (m.value() or b"") for m in consumer.consume(500, 0.3)]
    consumer.close()
    return b"\n".join(found)


async def test_one_bad_element_costs_its_neighbours_nothing_and_is_tried_again_when_its_time_has_come(
    stack: Stack,
) -> None:
    due = datetime.now(UTC) + timedelta(seconds=25)
    early = call("early", at=due + timedelta(days=1))
    answer = await stack.native([call("fine"), {"id": ""}, early])
    assert answer.status_code == 202
    said = answer.json()
    assert (said["accepted"], said["quarantined"], said["problems"]) == (
        1, 2, [{"index": 1, "reason": "missing_id"}, {"index": 2, "reason": "future_time"}],
    )  # fmt: skip
    await stack.native([call("fine"), {"id": ""}])  # delivered again: no second entry
    entries = await waiting(stack, 2)
    assert {(entry["reason"], entry["times"] > 1) for entry in entries} >= {("future_time", False)}
    entry_id = next(entry["id"] for entry in entries if entry["reason"] == "future_time")

    code, output = await pacer(stack, "retry", entry_id)
    assert (code, "still in quarantine: future_time" in output) == (1, True), output
    await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds() + 1))
    code, output = await pacer(stack, "retry", "--reason", "future_time")
    assert (code, f"{entry_id} accepted" in output) == (0, True), output

    day = early["occurred_at"]
    await eventually(lambda: stack.values("reps/ana", "day", day), equals={"calls": 1, "revenue": 0}, within_seconds=20)
    code, output = await pacer(stack, "retry", entry_id)
    assert (code, "was dealt with before" in output) == (0, True), output
    assert (await stack.values("reps/ana", "day", day))["calls"] == 1
    assert [entry["reason"] for entry in await waiting(stack, 1)] == ["missing_id"]
    assert (await stack.get("/v1/status"))["quarantined"] == {"missing_id": 1}
    code, output = await pacer(stack, "list", "--all")
    assert (code, "1 in quarantine: missing_id 1" in output, "accepted" in output) == (0, True, True), output


async def test_what_an_older_release_could_not_use_is_accepted_by_this_one(stack: Stack) -> None:
    entry = {
        "id": "qe_old", "tenant": "shop", "source": "native", "reason": "unknown_type", "detail": "", "received_at": 5,
        "body": json.dumps(won("old", "12.50", "EUR")), "delivery": "dl_old", "index": 0,
    }  # fmt: skip
    producer = Producer({"bootstrap.servers": kafka_of(stack)})
    producer.produce("crm.quarantine", json.dumps(entry), key="native")
    producer.produce("crm.quarantine", b"\xff nobody can read this", key="native")
    producer.flush()
    await waiting(stack, 1)
    shown = await stack.get("/v1/quarantine/qe_old")
    assert json.loads(shown["body"])["id"] == "old"
    answer = await stack.http.post(stack.url("api", "/v1/quarantine/qe_old/retry"), timeout=30)
    if answer.status_code == 202:  # the group of a fresh embedded broker takes its time
        await waiting(stack, 0)
        answer = await stack.http.post(stack.url("api", "/v1/quarantine/qe_old/retry"), timeout=30)
    assert (answer.status_code, answer.json()["state"]) == (200, "accepted")
    values = {"calls": 0, "revenue": 12.5}
    at = NOW.isoformat()
    await eventually(lambda: stack.values("reps/ana", "day", at), equals=values, within_seconds=20)
    again = await stack.http.post(stack.url("api", "/v1/quarantine/qe_old/retry"))
    assert (again.status_code, again.json()) == (200, answer.json())
    assert (await stack.get("/v1/quarantine"))["unreadable"] == 1


async def test_poison_on_the_log_is_found_with_its_place_and_holds_nothing_up(stack: Stack) -> None:
    producer = Producer({"bootstrap.servers": kafka_of(stack)})
    producer.produce("crm.events", b"\xff rubbish", partition=2)
    producer.produce("kpi.facts", b"\xc1 rubbish", partition=1)
    producer.flush()
    await stack.native([call("c1")])
    await waiting(stack, 2, reason="undecodable")
    code, output = await pacer(stack, "list", "--reason", "undecodable")
    assert code == 0 and "crm.events" in output and "kpi.facts" in output, output
    entry_id = next(e["id"] for e in await listed(stack) if e["log"]["topic"] == "crm.events")
    code, output = await pacer(stack, "show", entry_id)
    assert (code, '"partition": 2' in output) == (0, True), output
    code, output = await pacer(stack, "retry", "--all", "--wait", "60")
    assert (code, output.count("still in quarantine: undecodable")) == (1, 2), output
    at = NOW.isoformat()
    await eventually(lambda: stack.values("reps/ana", "day", at), equals={"calls": 1, "revenue": 0}, within_seconds=20)


async def test_parked_facts_of_every_source_move_to_the_rep_within_seconds_of_her_identity(stack: Stack) -> None:
    await stack.native([call("c1", rep="stranger"), call("c2", rep="stranger"), won("d1", "10", "JPY")])
    await stack.hubspot([hubspot_deal(5, name, value) for name, value in OWNED_DEAL])
    expected = [
        {"source": "hubspot", "owner": "77", "facts": 2},  # won, and entered its stage
        {"source": "native", "owner": "stranger", "facts": 2},
    ]

    async def unmapped() -> Any:
        return (await stack.get("/v1/status"))["unmapped_owners"]

    await eventually(unmapped, equals=expected, within_seconds=20)
    code, output = await pacer(stack, "list")
    assert code == 0 and "stranger" in output and "2 facts" in output and "JPY" in output, output

    os.kill(stack.children("services.aggregator")[0], signal.SIGKILL)  # parked before the restart, mapped after it
    await eventually(lambda: not stack.children("services.aggregator"), within_seconds=5, every_seconds=0.01)
    await eventually(lambda: stack.children("services.aggregator"), within_seconds=20)
    await eventually(lambda: aggregator_ready(stack), within_seconds=60)
    mapped = {"hubspot": ["11", "77"], "native": ["stranger"]}
    people = PEOPLE | {"reps": [{**PEOPLE["reps"][0], "identities": mapped}]}
    (stack.config / "people.yaml").write_text(yaml.safe_dump(people))
    began, at = time.monotonic(), NOW.isoformat()
    values = {"calls": 2, "revenue": 25}
    await eventually(lambda: stack.values("reps/ana", "day", at), equals=values, within_seconds=15)
    print(f"moved after {time.monotonic() - began:.1f} s")
    assert await unmapped() == [] or await eventually(unmapped, equals=[], within_seconds=10) == []


OWNED_DEAL = (("hubspot_owner_id", "77"), ("amount", "25"), ("deal_currency_code", "EUR"), ("dealstage", "closedwon"))


async def aggregator_ready(stack: Stack) -> bool:
    return (await stack.http.get(stack.url("aggregator", "/readyz"))).status_code == 200


async def test_no_secret_and_no_query_string_gets_into_the_quarantine(stack: Stack) -> None:
    bad = {"id": "", "note": f"my token is {TOKEN}"}
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Session-Id": "hidden-session", "Cookie": "hidden-cookie"}
    path = stack.url("ingest", "/v1/webhooks/native?api_key=hidden-query")
    answer = await stack.http.post(path, json=[call("c1"), bad], headers=headers)
    assert (answer.status_code, answer.json()["quarantined"]) == (202, 1)
    answer = await stack.hubspot(
        [{"subscriptionType": "deal.unheard", "objectId": 1}, hubspot_deal(6, "amount", "many")]
    )
    reasons = [problem["reason"] for problem in answer.json()["problems"]]
    assert (answer.status_code, reasons) == (202, ["unknown_type", "invalid_amount"])
    await waiting(stack, 3)
    kept = await asyncio.to_thread(whole_topic, stack, "crm.quarantine")
    assert kept.count(b'"reason"') == 3
    assert not [word for word in (TOKEN, HUBSPOT_SECRET, "hidden", "Signature", "Bearer") if word.encode() in kept]
    logs = "".join(log.read_text() for log in (stack.data / "logs").glob("*.log"))
    assert not [word for word in (TOKEN, HUBSPOT_SECRET, "hidden-query", "hidden-session") if word in logs]


async def test_an_ingest_that_is_killed_in_the_middle_of_retries_loses_and_doubles_nothing(stack: Stack) -> None:
    count = 6_000
    producer = Producer({"bootstrap.servers": kafka_of(stack), "linger.ms": 50})
    for number in range(count):
        entry = {
            "id": f"qe_{number}", "tenant": "shop", "source": "native", "reason": "unknown_type", "detail": "",
            "received_at": 5, "body": json.dumps(call(f"k{number}")), "delivery": "dl", "index": 0,
        }  # fmt: skip
        producer.produce("crm.quarantine", json.dumps(entry), key="native")
    producer.flush()

    async def left() -> int:
        counted: dict[str, int] = (await stack.get("/v1/quarantine", limit="1"))["waiting"]
        return sum(counted.values())

    await eventually(left, equals=count, within_seconds=20)
    retrying = asyncio.create_task(pacer(stack, "retry", "--reason", "unknown_type", "--wait", "60"))

    async def begun() -> bool:
        return await left() < count

    await eventually(begun, within_seconds=40, every_seconds=0.02)
    os.kill(stack.children("services.ingest")[0], signal.SIGKILL)
    await asyncio.sleep(1)  # what was said before is listed by now
    assert 0 < await left() < count, "it was killed too late to tell anything"
    code, output = await retrying
    assert (code, f"{count} accepted" in output) == (0, True), output
    assert await eventually(left, equals=0, within_seconds=10) == 0
    at = NOW.isoformat()
    values = {"calls": count, "revenue": 0}
    await eventually(lambda: stack.values("reps/ana", "day", at), equals=values, within_seconds=30)


async def test_a_bad_release_stops_the_worker_loudly_and_the_deliveries_wait(stack: Stack) -> None:
    await stack.native([call("before")])
    at = NOW.isoformat()
    await eventually(lambda: stack.values("reps/ana", "day", at), equals={"calls": 1, "revenue": 0}, within_seconds=30)
    producer = Producer({"bootstrap.servers": kafka_of(stack), "linger.ms": 200})
    for number in range(1500):
        producer.produce("crm.events", b"\xff of a bad release %d" % number, partition=0)
    producer.flush()
    said = "too much of the log cannot be used"
    await eventually(lambda: stack.log.read_text().count(said) >= 1, within_seconds=30)
    told = stack.log.read_text()
    assert "aggregator ended (exit code 5); starts again in 30 s" in told, told
    assert (await stack.native([call("meanwhile")])).status_code == 202
    waiting_now = (await stack.get("/v1/quarantine"))["waiting"]
    assert sum(waiting_now.values()) <= 100, waiting_now
    await eventually(lambda: stack.log.read_text().count("aggregator ended (exit code 5)") >= 2, within_seconds=60)
    assert (await stack.get("/v1/quarantine"))["waiting"] == waiting_now
