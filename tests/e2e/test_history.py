"""`pacer import` into a running `pacer up`: exact numbers, twice the same file changes nothing, the past is silent."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.support.judged_answers import Question, wrong_readings
from tests.support.sales_story import CONFIGURATION, REPS, Story, utc_now
from tests.support.stack import Stack
from tests.support.webhook_receiver import SECRET, WebhookReceiver

pytestmark = pytest.mark.slow

KINDS = ("day", "week", "month", "quarter", "year")
TABLE = ("id", "type", "rep", "occurred_at", "record", "url")


async def started(stack: Stack, file: Path, source: str, *arguments: str) -> asyncio.subprocess.Process:
    """The command from another shell, without the secrets of the webhooks."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PACER_", "TEST_", "OPS_"))
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "import", str(file), "--source", source, "--data", str(stack.data)),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
    )


async def imported(stack: Stack, file: Path, source: str, *arguments: str) -> str:
    """What it says when all is counted."""
    process = await started(stack, file, source, *arguments)
    async with asyncio.timeout(180):
        told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()
    return told.decode()


def as_lines(path: Path, events: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


def as_table(path: Path, events: list[dict[str, Any]]) -> Path:
    names = sorted({name for event in events for name in event.get("fields") or {}})
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow([*TABLE, *(f"fields.{name}" for name in names)])
        for event in events:
            fields = event.get("fields") or {}
            own = [event.get(name) or "" for name in TABLE]
            table.writerow([*own, *(cell(fields[name]) if name in fields else "" for name in names)])
    return path


def cell(value: Any) -> str:
    return f"\\{json.dumps(value)}" if value is None or isinstance(value, bool) else str(value)


def questions(times: list[str]) -> list[Question]:
    days = sorted({datetime.fromisoformat(each).date().isoformat() for each in times})
    subjects = (*(f"reps/{rep}" for rep in REPS), "teams/emea")
    return [
        (who, kind, at, {}) for who in subjects for kind in KINDS for at in days[:: 6 if kind == "day" else 12]
    ]  # fmt: skip


async def readings(stack: Stack, times: list[str]) -> dict[tuple[str, ...], Any]:
    """Values and versions of every rep and the top team."""
    found = {}
    for who, kind, at, _ in questions(times):
        for one in (await stack.get(f"/v1/{who}/kpis", period=kind, at=at))["readings"]:
            found[who, one["kpi"], one["period"]["id"]] = (one["value"], one["version"])
    return found


async def test_imported_history_is_exact_and_importing_it_again_changes_nothing(tmp_path: Path) -> None:
    story = Story(seed=815, now=utc_now() - timedelta(hours=1), records=150)
    half = len(story.native) // 2
    files = (as_lines(tmp_path / "a.jsonl", story.native[:half]), as_table(tmp_path / "b.csv", story.native[half:]))
    times = [event["occurred_at"] for event in story.told]
    async with Stack(tmp_path, CONFIGURATION) as stack:
        told = [await imported(stack, file, "native") for file in files]
        assert all("all are counted" in each for each in told)
        for start in range(0, len(story.hubspot), 100):
            assert (await stack.hubspot(story.hubspot[start : start + 100])).status_code == 202

        async def wrong() -> list[str]:
            return await wrong_readings(stack, CONFIGURATION, story.told, questions(times))

        await eventually(wrong, equals=[], within_seconds=60)
        before = await readings(stack, times)
        for file in files:
            await imported(stack, file, "native")
        assert await readings(stack, times) == before


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_an_import_that_is_cut_short_is_run_again(tmp_path: Path, how: signal.Signals) -> None:
    count = 12_000
    file = as_lines(tmp_path / "h.jsonl", calls("ana", count, "past"))
    day = (utc_now() - timedelta(minutes=1)).date().isoformat()
    async with Stack(tmp_path, CONFIGURATION) as stack:
        process = await started(stack, file, "native")

        async def some() -> bool:
            found = await stack.get("/v1/reps/ana/kpis", period="year", at=day, kpi="calls")
            return bool(found["readings"][0]["value"])

        await eventually(some, within_seconds=60)
        process.send_signal(how)
        told, _ = await process.communicate()
        assert process.returncode != 0 and (how is signal.SIGKILL or b"Run the same command again" in told), told

        await imported(stack, file, "native")

        assert (await stack.values("reps/ana", "year", day))["calls"] == count


PARTY = CONFIGURATION | {
    "targets": {"targets": [{"kpi": "calls", "period": "year", "for": "all", "value": 1, "from": "2020-01-01"}]},
    "kpis": {"kpis": [CONFIGURATION["kpis"]["kpis"][0] | {"periods": ["year"]}]},
    "alerts": {
        "receivers": [{"id": "ops", "type": "webhook", "url": "", "secret": {"env": "OPS_SECRET"}}],
        "routes": [{"receivers": ["ops"]}],
        "rules": [{"id": "done", "kpi": "calls", "period": "year", "when": {"attainment_at_least": 1}}],
    },
}


def calls(rep: str, count: int, name: str) -> list[dict[str, Any]]:
    at = (utc_now() - timedelta(minutes=1)).isoformat()
    fields = {"direction": "outbound", "duration_seconds": 60}
    same = {"type": "call.logged", "rep": rep, "occurred_at": at, "fields": fields}
    return [{"id": f"{name}-{number}", **same} for number in range(count)]


async def test_what_history_reached_is_not_celebrated_and_what_is_reached_now_is(tmp_path: Path) -> None:
    receiver = WebhookReceiver()
    PARTY["alerts"]["receivers"][0]["url"] = receiver.url
    try:
        async with Stack(tmp_path, PARTY, OPS_SECRET=SECRET) as stack:
            await imported(stack, as_lines(tmp_path / "h.jsonl", calls("ana", 400, "past")), "native")

            async def noted() -> list[str]:
                return [each["subject"]["rep"] for each in (await stack.get("/v1/alerts"))["alerts"]]

            await eventually(noted, equals=["ana"], within_seconds=60)
            assert (await stack.native(calls("ana", 5, "now"))).status_code == 202
            assert (await stack.native(calls("bo", 400, "now"))).status_code == 202
            await eventually(lambda: len(receiver.requests), within_seconds=60)
    finally:
        receiver.stop()
    told = [alert["subject"]["rep"] for request in receiver.requests for alert in request.json["alerts"]]
    assert told == ["bo"]
