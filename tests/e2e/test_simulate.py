"""`pacer simulate` against `pacer up`: the numbers that it foretells can be read. Imports nothing of ours."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.eventually import eventually
from tests.support.processes import Processes

pytestmark = pytest.mark.slow

START_SECONDS = 90.0
SECRETS = {"SHOP_TOKEN": "a-token", "SHOP_HUBSPOT": "a-client-secret"}
CONFIGURATION = {
    "tenant.yaml": """
        tenant: shop
        name: Shop
        time_zone: America/New_York
        week_start: sunday
        fiscal_year_start: "04-01"
        currency: EUR
        fx: [{currency: USD, rate: 0.92, from: 2020-01-01}]
        calendar: {working_hours: {mon: "08:00-18:00", tue: "08:00-18:00", wed: "08:00-18:00", thu: "08:00-18:00",
                                   fri: "08:00-18:00", sat: "08:00-18:00", sun: "08:00-18:00"}}
        """,
    "sources.yaml": """
        sources:
          - {id: dialler, provider: native, secrets: [{env: SHOP_TOKEN}]}
          - {id: hubspot, provider: hubspot, secrets: [{env: SHOP_HUBSPOT}], won_stages: [closedwon],
             lost_stages: [closedlost], public_url: "https://hooks.example.com/v1/webhooks/hubspot"}
        """,
    "people.yaml": """
        teams: [{id: floor, name: Floor}]
        reps:
          - {id: ana, name: Ana, role: sdr, teams: [floor], identities: {hubspot: ["11"]}}
          - {id: ben, name: Ben, teams: [floor], identities: {hubspot: ["12"]}, time_zone: Asia/Tokyo}
          - {id: cem, name: Cem, teams: [floor], identities: {hubspot: ["13"]}}
          - {id: dee, name: Dee, teams: [floor]}
        """,
    "kpis.yaml": """
        kpis:
          - {id: calls, name: Calls, type: leading, unit: count, better: higher, aggregate: count,
             facts: [call.logged], where: {direction: outbound, duration_seconds: {gte: 20}}}
          - {id: accounts, name: Accounts, type: leading, unit: count, better: higher, aggregate: distinct,
             field: account, facts: [call.logged, email.sent, meeting.held]}
          - {id: held, name: Held, type: leading, unit: count, better: higher, aggregate: count, facts: [meeting.held]}
          - {id: wait, name: Wait, type: leading, unit: seconds, better: lower, aggregate: average,
             field: response_seconds, facts: [lead.answered]}
          - {id: won, name: Won, type: lagging, unit: count, better: higher, aggregate: count, facts: [deal.won]}
          - {id: closed, name: Closed, type: lagging, unit: count, better: higher, aggregate: count,
             facts: [deal.won, deal.lost]}
          - {id: win_rate, name: Win rate, type: lagging, unit: ratio, better: higher, aggregate: ratio,
             numerator: won, denominator: closed}
          - {id: revenue, name: Revenue, type: lagging, unit: money, better: higher, aggregate: sum, field: amount,
             facts: [deal.won]}
          - {id: pipeline, name: Pipeline, type: leading, unit: money, better: higher, aggregate: latest,
             field: amount, facts: [deal.open]}
        """,
}
KINDS = {
    "day": re.compile(r"(\d{4}-\d\d-\d\d)"),
    "week": re.compile(r"w(\d{4}-\d\d-\d\d)"),
    "month": re.compile(r"(\d{4}-\d\d)"),
    "quarter": re.compile(r"(\d{4})-q([1-4])"),
    "year": re.compile(r"(\d{4})"),
}


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def a_day_in(period_id: str) -> tuple[str, str]:
    """Kind of the period and a date within it; the fiscal year begins in April."""
    kind, match = next((kind, found) for kind, form in KINDS.items() if (found := form.fullmatch(period_id)))
    match kind:
        case "month":
            return kind, f"{period_id}-15"
        case "quarter":
            month = (3 + 3 * (int(match[2]) - 1)) % 12 + 1
            return kind, f"{int(match[1]) + (match[2] == '4')}-{month:02d}-15"
        case "year":
            return kind, f"{period_id}-06-15"
    return kind, match[1]


class Shop:
    """A running system and its addresses."""

    def __init__(self, directory: Path, processes: Processes) -> None:
        self.api_port, self.ingest_port, aggregator, alerts = free_ports(4)
        self.config = directory / "config"
        self.config.mkdir()
        for name, content in CONFIGURATION.items():
            (self.config / name).write_text(content)
        self._processes = processes
        ports = ("--api-port", self.api_port, "--ingest-port", self.ingest_port)
        ports += ("--aggregator-port", aggregator, "--alerts-port", alerts)
        self.up = processes.start(
            "cli.main",
            "up",
            "--config",
            str(self.config),
            "--data",
            str(directory / "data"),
            *map(str, ports),
            env=SECRETS,
        )

    def simulate(self, *arguments: str) -> Any:
        url = f"http://127.0.0.1:{self.ingest_port}"
        given = ("simulate", "--url", url, "--config", str(self.config), *arguments)
        return self._processes.start("cli.main", *given, env=SECRETS)

    def read(self, rep: str, period_id: str) -> dict[str, Any]:
        """KPI -> value of one rep and period."""
        kind, day = a_day_in(period_id)
        url = f"http://127.0.0.1:{self.api_port}/v1/reps/{rep}/kpis"
        answer = httpx.get(url, params={"period": kind, "at": day}, trust_env=False).raise_for_status().json()
        assert {reading["period"]["id"] for reading in answer["readings"]} == {period_id}
        return {reading["kpi"]: reading["value"] for reading in answer["readings"]}


@pytest.fixture
async def shop(tmp_path: Path, processes: Processes) -> Any:
    started = Shop(tmp_path, processes)
    await eventually(lambda: "\nready" in f"\n{started.up.output}", within_seconds=START_SECONDS)
    return started


def by_period(expected: dict[str, dict[str, dict[str, float]]]) -> Iterator[tuple[str, str, dict[str, float]]]:
    for rep, kpis in expected.items():
        for period_id in sorted({period for values in kpis.values() for period in values}):
            yield rep, period_id, {kpi: values[period_id] for kpi, values in kpis.items() if period_id in values}


async def test_every_foretold_number_can_be_read(shop: Shop, tmp_path: Path) -> None:
    oracle = tmp_path / "expected.json"
    run = shop.simulate("--days", "4", "--rate", "60", "--duration", "3", "--seed", "5", "--oracle", str(oracle))
    assert run.wait(120) == 0, run.output
    expected = json.loads(oracle.read_text())
    assert set(expected) == {"ana", "ben", "cem", "dee"}
    for rep, period_id, values in by_period(expected):
        await eventually(
            lambda rep=rep, period_id=period_id, values=values: {kpi: shop.read(rep, period_id)[kpi] for kpi in values},
            equals=values,
            within_seconds=30,
        )


async def test_ctrl_c_ends_a_run_in_order(shop: Shop) -> None:
    run = shop.simulate("--days", "0", "--rate", "20")
    await eventually(lambda: "simulating" in run.output, within_seconds=60)
    run.signal(signal.SIGINT)
    assert run.wait(30) == 0
    assert "events posted" in run.output


async def test_a_wrong_secret_is_told_and_ends_the_run(shop: Shop, processes: Processes) -> None:
    url = f"http://127.0.0.1:{shop.ingest_port}"
    wrong = {**SECRETS, "SHOP_TOKEN": "another"}
    run = processes.start("cli.main", "simulate", "--url", url, "--config", str(shop.config), env=wrong)
    assert run.wait(60) == 1
    assert "delivery_refused" in run.output
