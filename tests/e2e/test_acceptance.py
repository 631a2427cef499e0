"""A signed story of a sales floor goes in, every reading equals the oracle's; from the outside only."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.eventually import eventually
from tests.support.judged_answers import Question, wrong_readings
from tests.support.sales_story import CONFIGURATION, REPS, Story, utc_now
from tests.support.stack import TOKEN, Stack
from tests.support.webhook_receiver import SECRET, WebhookReceiver

pytestmark = pytest.mark.slow

KINDS = ("day", "week", "month", "quarter", "year")


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with Stack(tmp_path, CONFIGURATION) as running:
        yield running


async def differences(stack: Stack, story: Story) -> list[str]:
    """Every reading that is not what the judge says, over all reps, teams, KPIs and periods that the story touches."""
    return await wrong_readings(stack, CONFIGURATION, story.told, questions(story))


def questions(story: Story) -> Iterator[Question]:
    dates = sorted({datetime.fromisoformat(event["occurred_at"]).date() for event in story.told})
    latest = max(story.told, key=lambda event: datetime.fromisoformat(event["occurred_at"]))["occurred_at"]
    for who in (*(f"reps/{rep}" for rep in REPS), "teams/emea", "teams/sdr", "teams/ae"):
        for kind in KINDS:
            step = {"day": 3, "week": 5}.get(kind, 12)  # every few days is every week and month, and many a day
            yield from ((who, kind, date.isoformat(), {}) for date in (*dates[::step], dates[-1]))
        yield who, "rolling:7d", dates[-3].isoformat(), {}
        yield who, "rolling:90m", latest, {}
        if who.startswith("teams"):
            yield who, "month", latest, {"org": "as_is", "members": "true"}


async def not_adding_up(stack: Stack, story: Story) -> list[str]:
    """Numbers that are not what their receipts add."""
    found = []
    day = max(story.told, key=lambda event: datetime.fromisoformat(event["occurred_at"]))["occurred_at"][:10]
    for rep in REPS:
        for kpi in ("calls", "accounts", "revenue", "pipeline", "open", "quoted", "others", "proposals"):
            path = stack.url("api", f"/v1/reps/{rep}/kpis/{kpi}/receipts")
            answer = await stack.http.get(path, params={"period": "month", "at": day})
            told = json.loads(answer.raise_for_status().text, parse_float=Decimal)
            adds = sum((Decimal(receipt["adds"]) for receipt in told["counted"]), Decimal(0))
            if told["reading"]["value"] is not None and adds != told["reading"]["value"]:
                found.append(f"{rep} {kpi}: {told['reading']['value']}, but receipts add {adds}")
    return found


def batches(events: list[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    return (events[start : start + size] for start in range(0, len(events), size))


async def test_every_reading_equals_the_oracles_and_nothing_is_left_behind(stack: Stack) -> None:
    story = Story(seed=4711, now=utc_now() - timedelta(hours=1), records=150)
    for batch in batches(story.native, 37):
        assert (await stack.native(batch)).status_code == 202
    for batch in batches(story.hubspot, 100):
        posted = datetime.now(UTC)
        assert (await stack.hubspot(batch)).status_code == 202

    async def none_differ() -> list[str]:
        return await differences(stack, story)

    await eventually(none_differ, equals=[], within_seconds=60)
    assert await not_adding_up(stack, story) == []

    async def all_is_applied() -> bool:
        envelope = await stack.get("/v1/reps/ana/kpis")
        return datetime.fromisoformat(envelope["watermark"]) >= posted

    await eventually(all_is_applied, within_seconds=30)

    members = stack.session()
    stack.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(stack.process.wait, 60) == 0
    assert not alive(members)


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


RUBBISH = (
    *(b"", b"{", b"null", b"[null]", b'"text"', b"[[[]]]", b"{}", b"\xff\xfe", b"[" * 5000, b"0" * 2_000_000),
    *(b'{"id": NaN}', b'[{"id": "\\ud800"}]', b'[{"type":"deal.won"}]'),
    b'{"id":"x","type":"deal.won","occurred_at":"yesterday","fields":{"amount":1e400}}',
)


async def test_rubbish_and_bad_signatures_are_refused_and_never_a_500(stack: Stack) -> None:
    for body in RUBBISH:
        for headers in ({}, {"Authorization": f"Bearer {TOKEN}"}, {"Authorization": "Bearer wrong"}):
            for path in ("/v1/webhooks/native", "/v1/webhooks/hubspot", "/v1/webhooks/nobody"):
                answer = await stack.http.post(stack.url("ingest", path), content=body, headers=headers)
                assert 400 <= answer.status_code < 500, (path, body[:40], answer.text)
                assert answer.headers["content-type"] == "application/problem+json"
    story = Story(seed=1, now=utc_now(), records=5)
    refused = await stack.hubspot(story.hubspot[:1] or [{}], secret="another")
    assert (refused.status_code, refused.json()["reason"]) == (401, "bad_signature")


def alerting(url: str) -> dict[str, Any]:
    # so much that one call is too few a second after midnight as well
    calls = {"kpi": "calls", "period": "day", "for": "all", "value": 100_000, "from": "2026-01-01"}
    calls_kpi = CONFIGURATION["kpis"]["kpis"][0] | {"periods": ["day"]}
    around_the_clock = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "00:00-24:00")
    return CONFIGURATION | {
        "tenant": CONFIGURATION["tenant"] | {"time_zone": "UTC", "calendar": {"working_hours": around_the_clock}},
        "people": {
            "teams": [{"id": "emea", "name": "EMEA"}],
            "reps": [{"id": "ana", "name": "Ana", "teams": ["emea"]}],
        },
        "kpis": {"kpis": [calls_kpi]},
        "targets": {"targets": [calls]},
        "alerts": {
            "receivers": [{"id": "ops", "type": "webhook", "url": url, "secret": {"env": "OPS_SECRET"}}],
            "routes": [{"receivers": ["ops"], "group_by": ["rule", "team"], "group_wait": "1s"}],
            "rules": [
                {"id": "calls-behind", "kpi": "calls", "period": "day", "for_each": "rep", "when": {"pace_below": 0.8},
                 "severity": "critical"}
            ],
        },
    }  # fmt: skip


async def test_a_shortfall_is_told_once_and_signed(tmp_path: Path) -> None:
    receiver = WebhookReceiver()
    try:
        async with Stack(tmp_path, alerting(receiver.url), OPS_SECRET=SECRET) as stack:
            assert (await stack.native([a_call("c1")])).status_code == 202
            await eventually(lambda: len(receiver.accepted), equals=1, within_seconds=60)
            for number in range(5):
                await stack.native([a_call(f"again-{number}")])
                await asyncio.sleep(1)
    finally:
        receiver.stop()
    (told,) = receiver.requests
    assert told.is_signed_with(SECRET)
    (alert,) = told.json["alerts"]
    assert (told.json["state"], alert["subject"]["rep"]) == ("firing", "ana")
    assert alert["dedup_key"].startswith("calls-behind/ana/day/")
    assert told.json["notification_id"] == told.id


def a_call(event_id: str) -> dict[str, Any]:
    fields = {"direction": "outbound", "duration_seconds": 60}
    return {"id": event_id, "type": "call.logged", "rep": "ana", "occurred_at": utc_now().isoformat(), "fields": fields}


async def test_the_stream_brings_a_changed_reading(stack: Stack) -> None:
    url = stack.url("api", "/v1/stream")
    async with stack.http.stream("GET", url, params={"rep": "ana", "kpi": "calls"}) as stream:
        assert stream.status_code == 200
        assert (await stack.native([a_call("s1")])).status_code == 202
        async with asyncio.timeout(20):
            assert await next_value(stream) == 1


async def next_value(stream: httpx.Response) -> Any:
    name = ""
    async for line in stream.aiter_lines():
        if line.startswith("event:"):
            name = line[6:].strip()
        if line.startswith("data:") and name == "reading":
            reading = json.loads(line[5:])
            if reading["kpi"] == "calls" and reading["rep"] == "ana" and reading["value"]:
                return reading["value"]
    return None


@pytest.mark.kafka
async def test_killed_workers_under_load_lose_and_double_nothing(tmp_path: Path) -> None:
    if os.environ.get("PACER_TEST_KAFKA") is None and not java_and_maven():
        pytest.skip("needs Java 17+ and Maven for a local Kafka")
    story = Story(seed=99, now=utc_now() - timedelta(hours=1), records=400)
    async with Stack(tmp_path, CONFIGURATION, "--kafka", "local", "--workers", "2") as stack:
        kills = asyncio.create_task(kill_now_and_then(stack))
        for batch in batches(story.native, 5):
            assert (await stack.native(batch)).status_code == 202
        for batch in batches(story.hubspot, 5):
            assert (await stack.hubspot(batch)).status_code == 202
        await kills

        async def none_differ() -> list[str]:
            return await differences(stack, story)

        await eventually(none_differ, equals=[], within_seconds=90)


async def kill_now_and_then(stack: Stack) -> None:
    for _ in range(3):
        await asyncio.sleep(2)
        workers = stack.children("services.aggregator")
        if workers:
            os.kill(workers[int(time.monotonic()) % len(workers)], signal.SIGKILL)


def java_and_maven() -> bool:
    found = shutil.which("java") is not None and shutil.which("mvn") is not None
    assert found or os.environ.get("CI") != "true", "CI needs Java 17+ and Maven"
    return found
