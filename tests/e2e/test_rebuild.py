"""A rebuild through ``pacer up``: every answer is the same before and after, and nothing restarts."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.support.sales_story import CONFIGURATION, REPS, Story, utc_now
from tests.support.stack import Stack

pytestmark = pytest.mark.slow
LONG = 60.0
BATCH = 200
KEPT = ("kpi", "period", "value", "target", "definition", "version", "measurable")
"""Of a reading what the clock does not move."""


async def answers(stack: Stack, at: str) -> dict[str, Any]:
    """Everything that readers see, less when they asked."""
    found: dict[str, Any] = {}
    for who in [f"reps/{rep}" for rep in REPS] + ["teams/emea", "teams/sdr"]:
        for kind in ("day", "week", "month", "quarter", "year", "rolling:7d"):
            told = await stack.get(f"/v1/{who}/kpis", period=kind, at=at)
            found[f"{who} {kind}"] = [{name: reading[name] for name in KEPT} for reading in told["readings"]]
    for rep in REPS:
        told = await stack.get(f"/v1/reps/{rep}/kpis/revenue/receipts", period="year", at=at)
        found[f"receipts of {rep}"] = {
            name: told[name] for name in told if name not in {"as_of", "watermark", "reading"}
        }
        found[f"restatements of {rep}"] = (await stack.get("/v1/restatements", rep=rep))["restatements"]
    return found


def rebuild(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", "rebuild", "--data", str(stack.data), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


async def test_every_answer_is_the_same_before_and_after_a_rebuild(tmp_path: Path) -> None:
    now = utc_now()
    story, at = Story(11, now), now.date().isoformat()
    async with Stack(tmp_path, CONFIGURATION) as stack:
        for sent, post in ((story.native, stack.native), (story.hubspot, stack.hubspot)):
            for first in range(0, len(sent), BATCH):
                assert (await post(sent[first : first + BATCH])).status_code == 202
        before = await answers(stack, at)
        for _ in range(100):  # until nothing moves any more
            await asyncio.sleep(1)
            last, before = before, await answers(stack, at)
            if last == before:
                break
        pids = stack.children("services.aggregator")
        done = await asyncio.to_thread(rebuild, stack)
        assert done.returncode == 0 and "the two states are the same" in done.stdout, done.stdout + done.stderr
        after = await answers(stack, at)
        assert {name: told for name, told in after.items() if told != before[name]} == {}
        assert stack.children("services.aggregator") == pids
        moment = f"{now:%FT%TZ}"  # her day may be another than the date in UTC
        late = {"id": "after", "type": "call.logged", "record": "after", "rep": "ana", "occurred_at": moment}
        late["fields"] = {"direction": "outbound", "duration_seconds": 90}
        calls = (await stack.values("reps/ana", "day", moment))["calls"]
        assert (await stack.native([late])).status_code == 202
        await eventually(lambda: _calls(stack, moment), equals=calls + 1, within_seconds=LONG)


async def _calls(stack: Stack, at: str) -> int:
    return int((await stack.values("reps/ana", "day", at))["calls"])
