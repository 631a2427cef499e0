"""`pacer up` from the outside: webhooks in, numbers out, an orderly end. Imports nothing of the project."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.eventually import eventually
from tests.support.processes import Processes, Running

pytestmark = pytest.mark.slow

START_SECONDS = 90.0
TOKEN = "a-token-of-the-test"
NOW = datetime.now(UTC).replace(microsecond=0)
CONFIGURATION = {
    "tenant.yaml": """
        tenant: shop
        name: Shop
        time_zone: UTC
        currency: EUR
        """,
    "sources.yaml": """
        sources:
          - {id: native, provider: native, secrets: [{env: SHOP_TOKEN}]}
        """,
    "people.yaml": """
        teams:
          - {id: floor, name: Floor}
        reps:
          - {id: ana, name: Ana Ruiz, teams: [floor]}
          - {id: ben, name: Ben Okoro, teams: [floor]}
        """,
    "kpis.yaml": """
        kpis:
          - {id: calls, name: Calls made, type: leading, unit: count, better: higher, periods: [day],
             aggregate: count, facts: [call.logged]}
          - {id: revenue, name: Revenue won, type: lagging, unit: money, better: higher, periods: [month],
             aggregate: sum, field: amount, facts: [deal.won]}
        """,
}


class Up:
    """A running `pacer up` on free ports."""

    def __init__(self, processes: Processes, directory: Path, *arguments: str) -> None:
        self.ports = dict(zip(("api", "ingest", "aggregator", "alerts"), _free_ports(4), strict=True))
        self.data = directory / "data"
        config = _write_configuration(directory / "config")
        chosen = [part for name, port in self.ports.items() for part in (f"--{name}-port", str(port))]
        self.process: Running = processes.start(
            "cli.main", "up", "--config", str(config), "--data", str(self.data), *chosen, *arguments,
            env={"SHOP_TOKEN": TOKEN},
        )  # fmt: skip

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    async def until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not _ready_lines(self.process.output):
            ended = self.process.process.poll()
            assert ended is None, f"ended with {ended}:\n{self.process.output}"
            assert time.monotonic() < deadline, self.process.output
            await asyncio.sleep(0.1)

    async def post(self, *events: dict[str, Any]) -> httpx.Response:
        async with httpx.AsyncClient() as http:
            return await http.post(
                f"{self.url('ingest')}/v1/webhooks/native",
                json=list(events),
                headers={"Authorization": f"Bearer {TOKEN}"},
                timeout=10,
            )

    async def values(self, who: str) -> dict[str, Any]:
        """The month's value by KPI of ``reps/ana`` or ``teams/floor``."""
        async with httpx.AsyncClient() as http:
            answer = await http.get(
                f"{self.url('api')}/v1/{who}/kpis", params={"period": "month", "at": NOW.isoformat()}, timeout=10
            )
        return {reading["kpi"]: reading["value"] for reading in answer.raise_for_status().json()["readings"]}

    def children(self, named: str = "") -> list[int]:
        command = ["pgrep", "-P", str(self.process.pid), "-f", named]
        listed = subprocess.run(command, capture_output=True, text=True, check=False)
        return [int(pid) for pid in listed.stdout.split()]


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _write_configuration(directory: Path) -> Path:
    directory.mkdir(parents=True)
    for name, text in CONFIGURATION.items():
        (directory / name).write_text(text)
    return directory


def _ready_lines(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("ready")]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _call(number: int, rep: str) -> dict[str, Any]:
    return {"id": f"c-{rep}-{number}", "type": "call.logged", "rep": rep, "occurred_at": NOW.isoformat()}


def _won(record: str, rep: str, amount: str) -> dict[str, Any]:
    return {
        "id": f"w-{record}",
        "type": "deal.won",
        "rep": rep,
        "record": record,
        "occurred_at": NOW.isoformat(),
        "fields": {"amount": amount, "currency": "EUR"},
    }


def _needs_local_kafka() -> None:
    lacking = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if lacking and os.environ.get("CI") == "true":
        pytest.fail(f"a local Kafka needs {lacking}")
    if lacking:
        pytest.skip(f"a local Kafka needs {lacking}")


@pytest.fixture
def up(processes: Processes, tmp_path: Path) -> Iterator[Up]:
    started = Up(processes, tmp_path)
    yield started
    print(started.process.output)  # pytest shows it with a failure


async def test_webhooks_become_numbers_and_sigterm_leaves_nothing(up: Up) -> None:
    await up.until_ready()
    assert len(_ready_lines(up.process.output)) == 1
    answer = await up.post(*(_call(number, "ana") for number in range(3)), _won("d-1", "ana", "1200.50"))
    assert (answer.status_code, answer.json()["accepted"]) == (202, 4)
    await up.post(_call(0, "ana"), _call(1, "ben"), _won("d-2", "ben", "99.25"))  # the first one is a duplicate
    await eventually(lambda: up.values("reps/ana"), equals={"calls": 3, "revenue": 1200.5}, within_seconds=30)
    await eventually(lambda: up.values("teams/floor"), equals={"calls": 4, "revenue": 1299.75}, within_seconds=30)
    children = up.children()
    assert len(children) == 6
    up.process.signal(signal.SIGTERM)
    assert up.process.wait(60) == 0
    assert not [pid for pid in children if _alive(pid)]


async def test_numbers_survive_a_restart_on_the_same_data(processes: Processes, tmp_path: Path) -> None:
    first = Up(processes, tmp_path / "a")
    await first.until_ready()
    await first.post(_call(1, "ana"))
    first.process.signal(signal.SIGTERM)  # at once: the drain applies what was accepted
    assert first.process.wait(60) == 0
    again = Up(processes, tmp_path / "b", "--data", str(first.data))
    await again.until_ready()
    await again.post(_call(2, "ana"))
    await eventually(lambda: again.values("reps/ana"), equals={"calls": 2, "revenue": 0}, within_seconds=30)


async def test_a_killed_service_comes_back(up: Up) -> None:
    await up.until_ready()
    os.kill(up.children("services.aggregator")[0], signal.SIGKILL)
    await up.post(_call(1, "ana"))
    await eventually(lambda: up.values("reps/ana"), equals={"calls": 1, "revenue": 0}, within_seconds=60)


def test_a_busy_port_is_named_and_nothing_stays(processes: Processes, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = Up(processes, tmp_path, "--api-port", str(port))
        assert refused.process.wait(30) != 0
    assert f"port {port}" in refused.process.output
    assert not refused.children()


def test_missing_secrets_say_what_to_do(tmp_path: Path) -> None:
    config = _write_configuration(tmp_path / "config")
    environment = {name: value for name, value in os.environ.items() if name != "SHOP_TOKEN"}
    command = [sys.executable, "-m", "cli.main", "up", "--config", str(config), "--data", str(tmp_path / "data")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)
    assert ended.returncode == 1
    assert "export SHOP_TOKEN=" in ended.stdout + ended.stderr


@pytest.mark.kafka
async def test_a_power_cut_loses_nothing_on_a_local_kafka(processes: Processes, tmp_path: Path) -> None:
    _needs_local_kafka()
    first = Up(processes, tmp_path / "a", "--kafka", "local")
    await first.until_ready()
    assert (await first.post(_call(1, "ana"), _won("d-1", "ana", "10"))).status_code == 202
    children = first.children()
    first.process.kill()
    await eventually(lambda: not [pid for pid in children if _alive(pid)])
    again = Up(processes, tmp_path / "b", "--kafka", "local", "--data", str(first.data))
    await again.until_ready()
    await eventually(lambda: again.values("reps/ana"), equals={"calls": 1, "revenue": 10}, within_seconds=30)
