"""The supervisor on real processes: readiness, restarts, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from cli.up.plan import ServiceName
from cli.up.service import Service
from cli.up.system import StartFailed, System
from tests.support.eventually import eventually
from tests.support.fake_system import fake_system, recording_report
from tests.support.processes import Processes, Running

pytestmark = [pytest.mark.redis, pytest.mark.slow]


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FAKE_SERVICE_DIR", str(tmp_path))
    return tmp_path


@pytest_asyncio.fixture
async def system(data: Path) -> AsyncIterator[System]:
    report, _ = recording_report()
    started = fake_system(data, report)
    work = asyncio.create_task(started.run())
    try:
        async with asyncio.timeout(30):
            await started.announced.wait()
        yield started
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        await started.close()


def _aggregator(system: System) -> Service:
    return next(service for service in system.services if service.plan.service is ServiceName.AGGREGATOR)


def _environments(data: Path, label: str) -> list[dict[str, str]]:
    found = sorted(data.glob(f"{label}.*.json"), key=lambda path: path.stat().st_mtime_ns)
    return [json.loads(path.read_text()) for path in found]


async def test_a_killed_service_is_started_again(system: System) -> None:
    service = _aggregator(system)
    before = service.child.pid
    os.kill(before or 0, signal.SIGKILL)
    await eventually(lambda: service.child.running and service.child.pid != before)


async def test_a_killed_valkey_comes_back_where_it_was(system: System) -> None:
    address = system.redis.address
    system.redis.kill()
    await eventually(system.redis.ready, within_seconds=20)
    assert system.redis.address == address


async def test_after_the_embedded_broker_died_services_learn_its_new_log(system: System, data: Path) -> None:
    system.kafka.kill()
    await eventually(lambda: len(_environments(data, "aggregator")), equals=2, within_seconds=30)
    first, second = (each["PACER_KAFKA__LOG_IDENTITY"] for each in _environments(data, "aggregator"))
    assert first != second


async def test_services_are_told_where_their_parts_are(system: System, data: Path) -> None:
    told = _environments(data, "aggregator-2")[0]
    assert (told["PACER_KAFKA__BOOTSTRAP_SERVERS"], told["PACER_REDIS__URL"], told["PACER_CONFIG_DIR"]) == (
        system.kafka.address,
        system.redis.address,
        str(data),
    )


async def test_other_commands_find_the_deployment(system: System, data: Path) -> None:
    stored = json.loads((data / "deployment.json").read_text())
    assert (stored["kafka"], stored["ports"]["api"]) == (system.kafka.address, system.services[-1].plan.port)


async def test_a_service_that_refuses_its_settings_ends_the_start(data: Path) -> None:
    (data / "refuse").touch()
    report, _ = recording_report()
    refused = fake_system(data, report)
    try:
        with pytest.raises(StartFailed, match="PACER_LOG__LEVEL: wrong"):
            await refused.run()
    finally:
        await refused.close()


def _children(pid: int) -> list[int]:
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=True)
    return [int(child) for child in listed.stdout.split()]


async def _started(processes: Processes, data: Path) -> tuple[Running, list[int]]:
    supervisor = processes.start("tests.support.fake_system", str(data), env={"FAKE_SERVICE_DIR": str(data)})
    await eventually(lambda: "\nready" in supervisor.output, within_seconds=30)
    return supervisor, _children(supervisor.pid)


async def test_sigterm_ends_in_order_and_leaves_no_process(processes: Processes, data: Path) -> None:
    supervisor, children = await _started(processes, data)
    assert len(children) == 7
    supervisor.signal(signal.SIGTERM)
    assert supervisor.wait() == 0
    assert not [pid for pid in children if _alive(pid)]


async def test_a_killed_supervisor_takes_its_children_with_it(processes: Processes, data: Path) -> None:
    supervisor, children = await _started(processes, data)
    supervisor.kill()
    await eventually(lambda: not [pid for pid in children if _alive(pid)])


async def test_a_second_signal_kills_at_once(processes: Processes, data: Path) -> None:
    supervisor, children = await _started(processes, data)
    for pid in children:
        os.kill(pid, signal.SIGSTOP)  # nothing ends in order any more
    supervisor.signal(signal.SIGINT)
    await eventually(lambda: "ending" in supervisor.output)
    supervisor.signal(signal.SIGINT)
    assert supervisor.wait(20) == 130
    assert not [pid for pid in children if _alive(pid)]
