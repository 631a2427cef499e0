"""A running `pacer up`: what late words of a CRM do to closed months is told, and each number names its events."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.eventually import eventually
from tests.support.stack import Stack

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC)
PAST = (NOW.replace(day=1) - timedelta(days=40)).replace(hour=12, minute=0, second=0, microsecond=0)
MONTH = f"{PAST:%Y-%m}"
CALLS = {"id": "calls", "name": "Calls", "type": "leading", "unit": "count", "better": "higher", "aggregate": "count",
         "facts": ["call.logged"]}  # fmt: skip
WON = {"id": "won", "name": "Won", "type": "lagging", "unit": "count", "better": "higher", "aggregate": "count",
       "facts": ["deal.won"]}  # fmt: skip
CLOSED = {**WON, "id": "closed", "name": "Closed", "facts": ["deal.won", "deal.lost"]}
RATE = {"id": "rate", "name": "Win rate", "type": "lagging", "unit": "ratio", "better": "higher", "aggregate": "ratio",
        "numerator": "won", "denominator": "closed"}  # fmt: skip
ACCOUNTS = {**CALLS, "id": "accounts", "name": "Accounts", "aggregate": "distinct", "field": "account"}
CONFIGURATION: dict[str, Any] = {
    "tenant": {"tenant": "acme", "name": "Acme", "time_zone": "UTC", "currency": "EUR"},
    "sources": {"sources": [{"id": "native", "provider": "native", "secrets": [{"env": "TEST_TOKEN"}]}]},
    "people": {"reps": [{"id": rep, "name": rep} for rep in ("ana", "bo")]},
    "kpis": {"kpis": [CALLS, WON, CLOSED, RATE, ACCOUNTS]},
}


def event(name: str, kind: str, record: str, *, at: datetime = PAST, **others: Any) -> dict[str, Any]:
    said = {"id": name, "type": kind, "record": record, "occurred_at": at.isoformat(), "rep": "ana"}
    return {**said, "url": f"https://crm.example.com/{record}", **others}


async def told(stack: Stack, **asked: str) -> list[tuple[Any, ...]]:
    """Restatements of the month: rep, KPI, from, to, event."""
    found = (await stack.get("/v1/restatements", **asked))["restatements"]
    of_month = [each for each in found if each["period"]["id"] == MONTH]
    return sorted(((e["rep"], e["kpi"], e["from"], e["to"], (e["event"] or {}).get("id")) for e in of_month), key=str)


async def test_closed_months_that_change_say_from_to_and_because_of_which_event(tmp_path: Path) -> None:
    async with Stack(tmp_path, CONFIGURATION, "--workers", "1") as stack:
        first = [
            event("e1", "call.logged", "c1", fields={"account": "a"}),
            event("e2", "deal.won", "d1", fields={"amount": "5"}),
        ]
        assert (await stack.native(first)).status_code == 202
        expected = [("ana", "accounts", 0, 1, "e1"), ("ana", "calls", 0, 1, "e1"), ("ana", "closed", 0, 1, "e2"),
                    ("ana", "rate", None, 1, "e2"), ("ana", "won", 0, 1, "e2")]  # fmt: skip
        await eventually(lambda: told(stack), equals=expected, within_seconds=30)
        assert (await stack.native([event("e3", "deal.lost", "d2")])).status_code == 202
        rates = [("ana", "rate", 1, 0.5, "e3"), ("ana", "rate", None, 1, "e2")]
        await eventually(lambda: told(stack, kpi="rate"), equals=rates, within_seconds=30)
        since = (await stack.get("/v1/restatements", kpi="calls"))["restatements"][0]["at"]

        assert (await stack.native(first)).status_code == 202, "the same again restates nothing"
        assert (await stack.native([event("e4", "deal.deleted", "d1", at=NOW)])).status_code == 202
        rates.insert(0, ("ana", "rate", 0.5, 0, "e4"))
        await eventually(lambda: told(stack, kpi="rate"), equals=rates, within_seconds=30)

        given = [event("e5", "call.updated", "c1", at=NOW, rep="bo")]
        assert (await stack.native(given)).status_code == 202
        os.kill(stack.children("services.aggregator")[0], signal.SIGKILL)
        moved = [("ana", "calls", 0, 1, "e1"), ("ana", "calls", 1, 0, "e5"), ("bo", "calls", 0, 1, "e5")]
        await eventually(lambda: told(stack, kpi="calls"), equals=moved, within_seconds=60)
        assert await told(stack, rep="bo", kpi="calls") == moved[2:]
        assert len(await told(stack, rep="bo", since=since)) == 2, "calls and accounts"

        receipts = await stack.get("/v1/reps/bo/kpis/calls/receipts", period="month", at=f"{PAST:%Y-%m-%d}")
        (shown,) = receipts["counted"]
        assert (shown["record"], shown["url"], receipts["reading"]["value"]) == ("c1", "https://crm.example.com/c1", 1)
        assert [each["id"] for each in shown["events"]] == ["e1", "e5"]
        left = await stack.get("/v1/reps/ana/kpis/calls/receipts", period="month", at=f"{PAST:%Y-%m-%d}")
        assert [(each["reason"], each["now"]["owner"]) for each in left["not_counted"]] == [("reassigned", "bo")]

        kpis = [{**CALLS, "where": {"account": "b"}}, WON, CLOSED, RATE, ACCOUNTS]
        (stack.config / "kpis.yaml").write_text(yaml.safe_dump({"kpis": kpis}))
        edited = [("bo", "calls", 0, 1, "e5"), ("bo", "calls", 1, 0, None)]
        await eventually(lambda: told(stack, rep="bo", kpi="calls"), equals=edited, within_seconds=60)
        (newest, *_) = (await stack.get("/v1/restatements", rep="bo"))["restatements"]
        assert (newest["reason"], newest["event"]) == ("configuration", None)
