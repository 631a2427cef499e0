"""`pacer diff` says before an edit what the running system then shows after it: no more and no less."""

from __future__ import annotations

import asyncio
import copy
import json
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.eventually import eventually
from tests.support.sales_story import CONFIGURATION, REPS, Story, utc_now
from tests.support.stack import Stack

pytestmark = pytest.mark.slow

KINDS = ("day", "week", "month", "quarter", "year")
TEAMS = ("emea", "sdr", "ae")
PARTS = ("value", "target", "expected_to_date")
MOVES_WITH_TIME = frozenset({"expected_to_date"})
BEFORE = CONFIGURATION | {
    "targets": {
        "targets": [{"kpi": "calls", "period": "day", "for": "all", "value": 4, "from": "2020-01-01"},
                    {"kpi": "won", "period": "month", "for": {"team": "ae"}, "value": 3, "from": "2020-01-01"}],
    },
}  # fmt: skip


def edited() -> dict[str, Any]:
    """A filter, a KPI more and one less, a rate, a zone, identities, teams, targets, the calendar, credit, a rep."""
    found = copy.deepcopy(BEFORE)
    kpis = {kpi["id"]: kpi for kpi in found["kpis"]["kpis"]}
    kpis["calls"]["where"] = {"direction": "outbound", "duration_seconds": {"gte": 60}}
    kpis["talked"] = kpis["talk"] | {"id": "talked", "aggregate": "sum"}
    del kpis["held"]
    found["kpis"]["kpis"] = list(kpis.values())
    found["tenant"]["fx"][1]["rate"] = 0.75
    found["tenant"]["credit"] = {"deal": "current", "*": "current"}
    found["tenant"]["calendar"] = {"working_hours": {"mon": "09:00-12:00", "tue": "09:00-17:00", "sat": "10:00-14:00"}}
    reps = {rep["id"]: rep for rep in found["people"]["reps"]}
    reps["ana"]["identities"]["native"], reps["bo"]["identities"]["native"] = ["crm-bo"], ["crm-ana"]
    reps["cy"]["time_zone"] = "Pacific/Auckland"
    reps["dee"]["teams"] = ["sdr"]
    del reps["fay"]
    found["people"]["reps"] = list(reps.values())
    found["targets"]["targets"][0]["value"] = 6
    return found


def write(directory: Path, configuration: dict[str, Any]) -> Path:
    directory.mkdir(exist_ok=True)
    for name, content in configuration.items():
        (directory / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return directory


async def pacer(stack: Stack, *arguments: str) -> tuple[int, bytes, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", *arguments, "--data", str(stack.data)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        told, problems = await process.communicate()
    return process.returncode or 0, told, problems.decode()


def asked(days: list[str]) -> Iterator[tuple[str, str, str]]:
    for who in (*(f"reps/{rep}" for rep in REPS), *(f"teams/{team}" for team in TEAMS)):
        for kind in KINDS:
            yield from ((who, kind, day) for day in days[:: {"day": 1, "week": 3}.get(kind, 8)])


async def shown(stack: Stack, days: list[str]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """What the API answers by subject, KPI and period; a rep who is not configured has nothing."""
    found = {}
    for who, kind, day in asked(days):
        answer = await stack.http.get(stack.url("api", f"/v1/{who}/kpis"), params={"period": kind, "at": day})
        for one in answer.json().get("readings", ()) if answer.status_code == 200 else ():
            found[who, one["kpi"], one["period"]["id"]] = {part: one[part] for part in PARTS}
    return found


def told(diff: dict[str, Any]) -> dict[tuple[str, str, str], dict[str, Any]]:
    (tenant,) = diff["tenants"]
    return {(whose(change), change["kpi"], change["period"]["id"]): change for change in tenant["changes"]}


def whose(change: dict[str, Any]) -> str:
    return f"reps/{change['rep']}" if "rep" in change else f"teams/{change['team']}"


async def test_what_diff_says_is_what_an_edit_then_moves(tmp_path: Path) -> None:
    story = Story(seed=99, now=utc_now() - timedelta(hours=1), records=120)
    days = sorted({datetime.fromisoformat(event["occurred_at"]).date().isoformat() for event in story.told})
    retained = (utc_now() - timedelta(days=390)).date().isoformat()
    days = [*(day for day in days if day > retained), utc_now().date().isoformat()]
    after = edited()
    async with Stack(tmp_path, BEFORE) as stack:
        for start in range(0, len(story.native), 100):
            assert (await stack.native(story.native[start : start + 100])).status_code == 202
        for start in range(0, len(story.hubspot), 100):
            assert (await stack.hubspot(story.hubspot[start : start + 100])).status_code == 202
        before = await settled(stack, days)
        code, answer, problems = await pacer(stack, "diff", str(write(tmp_path / "new", after)), "--json")
        assert code == 0, problems
        said = told(json.loads(answer))
        write(stack.config, after)
        await eventually(lambda: holds(stack, "calls"), within_seconds=30)
        now = await settled(stack, days)

        assert differences(before, now, said) == []
        assert any(change["value"]["difference"] for change in said.values()) and len(said) > 50
        again = await pacer(stack, "diff", str(stack.config), str(tmp_path / "new"), "--exit-code")
        assert again[0] == 0 and b"nothing moves" in again[1]


async def says_invalid(stack: Stack, service: str) -> bool:
    return "pacer_config_valid 0.0" in (await stack.http.get(stack.url(service, "/metrics"))).text


async def holds(stack: Stack, kpi: str) -> bool:
    """Whether the API has taken the edit up."""
    catalogue = (await stack.get("/v1/catalogue"))["kpis"]
    return any(each["id"] == "talked" for each in catalogue) and any(each["id"] == kpi for each in catalogue)


async def settled(stack: Stack, days: list[str]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The answers once they stay the same for a while."""
    last: dict[tuple[str, str, str], dict[str, Any]] = {}
    for _ in range(20):
        found = await shown(stack, days)
        if {key: one["value"] for key, one in found.items()} == {key: one["value"] for key, one in last.items()}:
            return found
        last = found
        await asyncio.sleep(2)
    raise AssertionError("the numbers do not come to rest")


def differences(
    before: dict[tuple[str, str, str], dict[str, Any]],
    after: dict[tuple[str, str, str], dict[str, Any]],
    said: dict[tuple[str, str, str], dict[str, Any]],
) -> list[str]:
    """Readings that moved otherwise than was said; of closed periods only KPIs that list them are said."""
    wrong = []
    for key in before.keys() | after.keys():
        for part in PARTS:
            old, new = before.get(key, {}).get(part), after.get(key, {}).get(part)
            change = said.get(key)
            if change is not None and not (part in MOVES_WITH_TIME and may_move(key, change)):
                moved = change[part]
                if (moved["from"], moved["to"]) != (old, new):
                    wrong.append(f"{key} {part}: {old} -> {new}, said {moved}")
            elif change is None and old != new and (old or new) and len(key[2]) in {7, 10, 11} and is_listed(key):
                wrong.append(f"{key} {part}: {old} -> {new}, not said")
    return wrong


def may_move(key: tuple[str, str, str], change: dict[str, Any]) -> bool:
    """Whether what is expected moves by itself: a day that is over in a team's zone may not be for each member."""
    yesterday = utc_now().date() - timedelta(days=1)
    lasts_for_some = len(key[2]) == 10 and date.fromisoformat(key[2]) >= yesterday
    return bool(change["current"]) or (key[0].startswith("teams/") and lasts_for_some)


def is_listed(key: tuple[str, str, str]) -> bool:
    """Days, weeks and months are what these KPIs list; a quarter's id is as long as a month's."""
    return "q" not in key[2]


async def test_an_edit_that_stored_events_cannot_answer_is_refused_everywhere(tmp_path: Path) -> None:
    after = copy.deepcopy(CONFIGURATION)
    after["sources"]["sources"][1]["won_stages"] = ["closedwon", "signed"]
    async with Stack(tmp_path, CONFIGURATION) as stack:
        code, _, problems = await pacer(stack, "diff", str(write(tmp_path / "new", after)))
        assert code == 3 and "pacer import" in problems
        write(stack.config, after)

        async def problem() -> Any:
            return (await stack.get("/v1/status"))["configuration"]["problem"]

        assert "won_stages" in await eventually(problem, within_seconds=20)
        for service in ("api", "ingest", "aggregator", "alerts"):
            await eventually(lambda service=service: says_invalid(stack, service), within_seconds=20)
        write(stack.config, CONFIGURATION)

        async def is_valid() -> bool:
            return bool((await stack.get("/v1/status"))["configuration"]["valid"])

        await eventually(is_valid, within_seconds=20)
