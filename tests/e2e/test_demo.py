"""`pacer demo` from the outside: an alert in under two minutes, and nothing left behind. Imports nothing of ours."""

from __future__ import annotations

import signal
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.support.eventually import eventually
from tests.support.processes import Processes

pytestmark = pytest.mark.slow

ALERT_SECONDS = 120.0


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def _children(pid: int) -> list[str]:
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout.split()


def _left(directory: Path, pids: list[str]) -> list[Path]:
    return [*directory.iterdir(), *(path for path in (Path("/proc") / pid for pid in pids) if path.exists())]


def _calls_today(api: str) -> float:
    teams = httpx.get(f"{api}/v1/catalogue", timeout=10).raise_for_status().json()["teams"]
    answer = httpx.get(f"{api}/v1/teams/{teams[0]['id']}/kpis", params={"kpi": "calls"}, timeout=10)
    return float(answer.raise_for_status().json()["readings"][0]["value"])


async def test_the_demo_is_alive_and_leaves_nothing(processes: Processes, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    api, ingest = _free_ports(2)
    ports = ("--api-port", str(api), "--ingest-port", str(ingest))
    demo = processes.start("cli.main", "demo", "--no-browser", *ports, env={"TMPDIR": str(kept)})
    await eventually(lambda: "\nfirst shortfall alert: " in demo.output, within_seconds=ALERT_SECONDS)
    await eventually(lambda: _calls_today(f"http://127.0.0.1:{api}"), within_seconds=30)
    children = _children(demo.pid)
    demo.signal(signal.SIGINT)
    assert demo.wait(60) == 0, demo.output
    assert _left(kept, children) == []
