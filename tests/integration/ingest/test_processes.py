"""Several processes behind one port are one service: its limits, its metrics, its health, its end."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.contracts.heartbeats import NOBODY
from shared.contracts.messages import decode_change
from shared.contracts.topics import CRM_EVENTS
from tests.support.crm_sender import NATIVE_TOKEN, event
from tests.support.eventually import eventually
from tests.support.kafka_reader import read_all
from tests.support.processes import PROJECT, Processes, Running

SOURCE = "{id: process-test, provider: native, secrets: [{env: PROCESS_TEST_TOKEN}], limits: {%s}}"
SOURCES = "sources:\n  - " + SOURCE + "\n"
AUTHORIZED = {"Authorization": f"Bearer {NATIVE_TOKEN}"}
PATH = "/v1/webhooks/process-test"
COUNT = 2


class Service:
    """A running ingest. Every request has a connection of its own, so that each may come to another process."""

    def __init__(self, running: Running, port: int, configuration: Path) -> None:
        self.running = running
        self.configuration = configuration
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self._url + path, timeout=10)

    def post(self, number: int | str = 1, path: str = PATH) -> int:
        return httpx.post(self._url + path, json=event(f"e-{number}"), headers=AUTHORIZED, timeout=10).status_code

    def metric(self, series: str) -> float:
        found = re.findall(rf"^{re.escape(series)} (\S+)$", self.get("/metrics").text, re.MULTILINE)
        assert len(found) == 1, (series, found)
        return float(found[0])

    def accepted(self) -> float:
        return self.metric('ingest_deliveries_total{outcome="accepted",reason="stored",source="process-test"}')

    def workers(self) -> list[int]:
        pid = self.running.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    async def ready(self) -> None:
        await eventually(lambda: self.get("/readyz").status_code, equals=200, within_seconds=30)


Start = Callable[..., Service]


@pytest.fixture
def start(processes: Processes, tmp_path: Path, free_port: int) -> Start:
    configuration = tmp_path / "acme"
    configuration.mkdir()
    for name in ("tenant.yaml", "kpis.yaml"):
        shutil.copy(PROJECT / "config" / "acme" / name, configuration)
    people = "teams: [{id: emea, name: EMEA}]\nreps: [{id: ana, name: Ana, teams: [emea]}]\n"
    (configuration / "people.yaml").write_text(people)

    def started(bootstrap: str, limits: str = "", **more: str) -> Service:
        (configuration / "sources.yaml").write_text(SOURCES % limits)
        environment = {
            "PACER_CONFIG_DIR": str(configuration),
            "PACER_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "PACER_HTTP__PORT": str(free_port),
            "PACER_HTTP__PROCESSES": str(COUNT),
            "PACER_SPOOL__DIR": str(tmp_path / "spool"),
            "PROCESS_TEST_TOKEN": NATIVE_TOKEN,
            "TMPDIR": str(tmp_path),
        } | more
        return Service(processes.start("services.ingest", env=environment), free_port, configuration)

    return started


async def test_both_take_deliveries_and_any_scrape_counts_all(start: Start, embedded_kafka: str) -> None:
    service = start(embedded_kafka)
    await service.ready()
    assert {service.post(number) for number in range(40)} == {202}
    assert {service.accepted() for _ in range(12)} == {40.0}
    assert len(service.workers()) == COUNT
    assert service.metric("ingest_request_seconds_count") == 40
    assert "pid=" not in service.get("/metrics").text


async def test_what_all_have_taken_is_in_kafka(start: Start, embedded_kafka: str) -> None:
    service = start(embedded_kafka)
    await service.ready()
    numbers = {f"kept-{number}" for number in range(20)}
    assert {service.post(number) for number in numbers} == {202}
    wanted = {f"e-{number}" for number in numbers}
    read = read_all(embedded_kafka, CRM_EVENTS, until=lambda found: wanted <= events(found))
    assert wanted <= events(read)


def events(messages: list[Any]) -> set[str]:
    return {decode_change(message.value()).event for message in messages}


async def test_a_worker_that_dies_is_started_again_and_no_counter_goes_back(start: Start, embedded_kafka: str) -> None:
    service = start(embedded_kafka)
    await service.ready()
    sent = 0
    for _ in range(3):
        before = service.workers()
        os.kill(before[0], signal.SIGKILL)
        await eventually(lambda: len(set(service.workers()) - set(before)) == 1, within_seconds=20)  # noqa: B023
        await service.ready()
        assert service.accepted() == sent, "what the dead one counted is still counted"
        assert {service.post(number) for number in range(10)} == {202}
        sent += 10
    assert {service.accepted() for _ in range(6)} == {sent}
    used = [service.metric("process_cpu_seconds_total") for _ in range(10)]
    assert used == sorted(used) and used[0] > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_all_in_order(
    start: Start, embedded_kafka: str, number: signal.Signals, tmp_path: Path
) -> None:
    service = start(embedded_kafka)
    await service.ready()
    workers = service.workers()
    service.running.signal(number)
    assert service.running.wait(15) == 0, service.running.output
    assert not [pid for pid in workers if alive(pid)]
    assert left_in(tmp_path) == []


async def test_deliveries_in_progress_are_answered_before_the_end(start: Start, embedded_kafka: str) -> None:
    service = start(embedded_kafka)
    await service.ready()
    codes: list[int] = []

    async def send(number: int) -> None:
        try:
            codes.append(await asyncio.to_thread(service.post, number))
        except httpx.TransportError:
            codes.append(0)  # refused, or the end came before the request

    sending = [asyncio.create_task(send(number)) for number in range(60)]
    service.running.signal()
    await asyncio.gather(*sending)
    assert service.running.wait(15) == 0
    assert set(codes) <= {202, 0}


async def test_no_worker_outlives_a_parent_that_is_killed(start: Start, embedded_kafka: str) -> None:
    service = start(embedded_kafka)
    await service.ready()
    workers = service.workers()
    service.running.kill()
    await eventually(lambda: not any(alive(pid) for pid in workers))


def left_in(directory: Path) -> list[Path]:
    return list(directory.glob("pacer-workers-*"))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_the_rate_is_the_whole_sources(start: Start, embedded_kafka: str) -> None:
    service = start(embedded_kafka, "requests_per_second: 0.001, burst: 10")
    await service.ready()
    codes = [service.post(number) for number in range(30)]
    assert (codes[:10], set(codes[10:])) == ([202] * 10, {429})


async def test_an_edit_reaches_all(start: Start, embedded_kafka: str) -> None:
    service = start(embedded_kafka)
    await service.ready()
    another = SOURCE.replace("process-test", "another") % ""
    (service.configuration / "sources.yaml").write_text(SOURCES % "" + f"  - {another}\n")
    path = "/v1/webhooks/another"
    await eventually(lambda: {service.post(number, path) for number in range(8)}, equals={202})
    (service.configuration / "sources.yaml").write_text("sources: 5\n")
    await eventually(lambda: service.metric("pacer_config_valid"), equals=0.0)
    assert {service.post(number, path) for number in range(8)} == {202}


async def test_one_heart_beats(start: Start, embedded_kafka: str) -> None:
    service = start(embedded_kafka, PACER_HEARTBEAT__EVERY="PT0.2S")
    await service.ready()
    series = 'pipeline_heartbeat_timestamp_seconds{stage="ingest"}'
    first = service.metric(series)
    await eventually(lambda: service.metric(series) > first + 2)
    messages = read_all(embedded_kafka, CRM_EVENTS, until=lambda _: False, within_seconds=2)
    changes = [decode_change(message.value()) for message in messages]
    at = sorted(each.occurred_at for each in changes if each.tenant == NOBODY and each.occurred_at > first * 1e6)
    assert len(at) >= 5
    assert min(later - sooner for sooner, later in pairwise(at)) > 150_000, "two hearts would beat out of step"


async def test_without_kafka_it_lives_and_is_not_ready(start: Start, free_port: int) -> None:
    service = start(f"127.0.0.1:{free_port}")
    await eventually(lambda: service.get("/livez").status_code, equals=200, within_seconds=20)
    answer = service.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["dependencies"]["kafka"]["ready"] is False


async def test_it_is_ready_when_all_are(start: Start, embedded_kafka: str) -> None:
    service = start(embedded_kafka)
    await service.ready()
    assert service.get("/readyz").json()["dependencies"]["processes"] == {"ready": True, "state": "2 of 2"}
    os.kill(service.workers()[1], signal.SIGSTOP)
    await eventually(lambda: states(service), equals="1 of 2", within_seconds=20)


def states(service: Service) -> str:
    """Of a process that answers; a request that comes to the one that hangs is given up."""
    try:
        answer = httpx.get(f"{service._url}/readyz", timeout=1)
    except httpx.TimeoutException:
        return ""
    return str(answer.json()["dependencies"]["processes"]["state"])


async def test_a_wrong_configuration_is_told_once(start: Start, embedded_kafka: str) -> None:
    service = start(embedded_kafka, "requests: 5")
    assert service.running.wait(20) == 2
    assert service.running.output.count("sources.yaml:2") == 1


async def test_a_port_that_is_taken_is_not_shared(start: Start, embedded_kafka: str, processes: Processes) -> None:
    service = start(embedded_kafka)
    await service.ready()
    other = processes.start(
        "services.ingest",
        env={
            "PACER_CONFIG_DIR": str(service.configuration),
            "PACER_HTTP__PORT": service._url.rpartition(":")[2],
            "PACER_HTTP__PROCESSES": "2",
            "PROCESS_TEST_TOKEN": NATIVE_TOKEN,
        },
    )
    assert other.wait(20) == 1
    assert "cannot be listened on" in other.output
