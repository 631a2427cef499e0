"""A broker that goes away and comes back in the middle of a run: who has a spool hears 2xx, nothing is lost."""

from __future__ import annotations

import asyncio
import itertools
import re
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.contracts.messages import decode_change
from shared.contracts.topics import CRM_EVENTS
from tests.support.crm_sender import NATIVE_TOKEN
from tests.support.eventually import eventually
from tests.support.kafka_reader import read_all
from tests.support.processes import PROJECT, Processes, Running
from tests.support.real_kafka import OwnKafka

SOURCES = """
sources:
  - {id: pipes, provider: pipedrive, secrets: [{env: SPOOL_TEST_TOKEN}]}
  - {id: own, provider: native, secrets: [{env: SPOOL_TEST_TOKEN}], spool: true}
  - {id: honest, provider: native, secrets: [{env: SPOOL_TEST_TOKEN}]}
"""
KEY = "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8="
SLOW_SECONDS, SLOWEST_SECONDS = 1.0, 5.0
"""One in a hundred may be slow while a JVM starts on the same cores; Pipedrive gives up after ten seconds."""
OUTAGE_SECONDS = 8.0
pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def pipedrive(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A deal that is created; body and what httpx needs to authenticate."""
    data = {
        "id": number,
        "title": "Acme",
        "value": 100 + number,
        "currency": "EUR",
        "status": "open",
        "stage_id": 2,
        "owner_id": 7,
        "add_time": "2026-11-23T09:30:00Z",
        "update_time": "2026-11-23T09:30:00Z",
    }
    meta = {
        "action": "create",
        "entity": "deal",
        "company_id": "80",
        "entity_id": str(number),
        "id": f"meta-{number}",
        "timestamp": "2026-11-23T09:30:00.000Z",
        "version": "2.0",
        "attempt": 1,
    }
    return {"data": data, "previous": None, "meta": meta}, {"auth": ("pacer", NATIVE_TOKEN)}


def native(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same as a native event."""
    body = {"id": f"e-{number}", "type": "deal.created", "record": str(number), "occurred_at": "2026-11-23T09:30:00Z"}
    return body, {"headers": {"Authorization": f"Bearer {NATIVE_TOKEN}"}}


BODIES = {"pipes": pipedrive, "own": native, "honest": native}


class Floor:
    """A Kafka of the test's own and an ingest process on it, both of which may be killed."""

    def __init__(self, kafka: OwnKafka, processes: Processes, directory: Path, port: int) -> None:
        self.kafka = kafka
        self.spool = directory / "spool"
        self._processes = processes
        self._configuration = directory / "acme"
        self._port = port
        self.process: Running
        self.answers: list[tuple[str, int, int, float]] = []
        self._numbers = itertools.count(1)
        _configure(self._configuration)

    def start(self, *, processes: int = 1) -> None:
        self.process = self._processes.start(
            "services.ingest",
            env={
                "PACER_CONFIG_DIR": str(self._configuration),
                "PACER_KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap,
                "PACER_HTTP__PORT": str(self._port),
                "PACER_HTTP__PROCESSES": str(processes),
                "PACER_SPOOL__DIR": str(self.spool),
                "PACER_SPOOL__KEY": KEY,
                "SPOOL_TEST_TOKEN": NATIVE_TOKEN,
            },
        )

    def client(self) -> httpx.AsyncClient:
        """Each request by a connection of its own, so that every process has its share."""
        limits = httpx.Limits(max_keepalive_connections=0)
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self._port}", timeout=15, limits=limits)

    async def send(self, http: httpx.AsyncClient, source: str, number: int) -> int:
        body, how = BODIES[source](number)
        began = time.monotonic()
        status = (await http.post(f"/v1/webhooks/{source}", json=body, **how)).status_code
        self.answers.append((source, number, status, time.monotonic() - began))
        return status

    @asynccontextmanager
    async def stream(self, *sources: str) -> AsyncIterator[None]:
        """Sends for as long as the block lasts, each source one delivery after the other."""
        over = asyncio.Event()
        async with self.client() as http, asyncio.TaskGroup() as tasks:
            for source in sources:
                tasks.create_task(self._stream(http, source, over))
            try:
                yield
            finally:
                over.set()

    async def _stream(self, http: httpx.AsyncClient, source: str, over: asyncio.Event) -> None:
        while not over.is_set():
            await self.send(http, source, next(self._numbers))
            await asyncio.sleep(0.01)

    async def ready(self) -> None:
        async with self.client() as http:
            await eventually(lambda: _status(http), equals=200, within_seconds=40)

    async def held(self) -> float:
        async with self.client() as http:
            text = (await http.get("/metrics")).text
        found = re.search(r"^ingest_spool_deliveries (\S+)", text, re.MULTILINE)
        return float(found[1]) if found else -1.0

    def sent(self, source: str) -> list[int]:
        """Numbers that were answered 2xx, in their order."""
        return [number for one, number, status, _ in self.answers if one == source and status < 300]

    def on_the_log(self, source: str) -> list[int]:
        """Numbers of the source's events in the order in which each first came, by partition."""
        wanted = set(self.sent(source))

        def numbers(messages: list[Any]) -> list[int]:
            changes = [(message.partition(), decode_change(message.value())) for message in messages]
            return [int(one.record) for _, one in sorted(changes, key=lambda each: each[0]) if one.source == source]

        found = read_all(
            self.kafka.bootstrap, CRM_EVENTS, until=lambda messages: wanted <= set(numbers(messages)), within_seconds=30
        )
        return numbers(found)

    def partitions_of(self, source: str) -> dict[int, list[int]]:
        """Numbers by partition, each where it first came."""
        by_partition: dict[int, dict[int, None]] = {}
        for message in read_all(self.kafka.bootstrap, CRM_EVENTS, until=lambda _: False, within_seconds=3):
            one = decode_change(message.value())
            if one.source == source:
                by_partition.setdefault(message.partition(), {}).setdefault(int(one.record))
        return {partition: list(numbers) for partition, numbers in by_partition.items()}


async def _status(http: httpx.AsyncClient) -> int:
    return (await http.get("/readyz")).status_code


def _configure(directory: Path) -> None:
    directory.mkdir()
    for name in ("tenant.yaml", "kpis.yaml"):
        shutil.copy(PROJECT / "config" / "acme" / name, directory)
    people = "teams: [{id: emea, name: EMEA}]\nreps: [{id: ana, name: Ana, teams: [emea]}]\n"
    (directory / "people.yaml").write_text(people)
    (directory / "sources.yaml").write_text(SOURCES)


@pytest.fixture
def floor(own_kafka: OwnKafka, processes: Processes, tmp_path: Path, free_port: int) -> Floor:
    built = Floor(own_kafka, processes, tmp_path, free_port)
    built.start()
    return built


async def test_an_outage_in_the_middle_of_a_run_costs_no_sender_with_a_spool_anything(floor: Floor) -> None:
    await floor.ready()
    async with floor.stream("pipes", "own"):
        await asyncio.sleep(1)
        await asyncio.to_thread(floor.kafka.kill)
        await asyncio.sleep(OUTAGE_SECONDS)
        assert await floor.held() > 100
        await asyncio.to_thread(floor.kafka.start)
        await eventually(floor.held, equals=0.0, within_seconds=30)
        await asyncio.sleep(1)
    refused = [answer for answer in floor.answers if answer[2] >= 300]
    seconds = sorted(answer[3] for answer in floor.answers)
    assert refused == []
    assert (seconds[len(seconds) * 99 // 100] < SLOW_SECONDS, seconds[-1] < SLOWEST_SECONDS) == (True, True)
    for source in ("pipes", "own"):
        sent = floor.sent(source)
        assert len(sent) > 200
        assert set(floor.on_the_log(source)) == set(sent)
        assert all(numbers == sorted(numbers) for numbers in floor.partitions_of(source).values())
    assert not list(floor.spool.glob("*/*.seg"))


async def test_several_processes_spool_side_by_side(floor: Floor) -> None:
    await floor.ready()
    floor.process.signal()
    assert floor.process.wait(30) == 0
    floor.start(processes=2)
    await floor.ready()
    await asyncio.to_thread(floor.kafka.kill)
    async with floor.stream("pipes", "own", "own", "own", "own"):
        await asyncio.sleep(3)
    assert await floor.held() > 50
    assert len({path.parent for path in floor.spool.glob("*/*.seg")}) == 2
    await asyncio.to_thread(floor.kafka.start)
    await eventually(floor.held, equals=0.0, within_seconds=40)
    assert [answer for answer in floor.answers if answer[2] >= 300] == []
    for source in ("pipes", "own"):
        assert set(floor.on_the_log(source)) == set(floor.sent(source))


async def test_ingest_killed_in_an_outage_keeps_what_it_confirmed(floor: Floor) -> None:
    await floor.ready()
    await asyncio.to_thread(floor.kafka.kill)
    async with floor.client() as http:
        for number in range(1, 40):
            assert await floor.send(http, "pipes", number) < 300
    floor.process.kill()
    found = b"".join(path.read_bytes() for path in floor.spool.glob("*/*.seg"))
    assert found and b"meta-7" not in found and NATIVE_TOKEN.encode() not in found
    floor.start()
    await eventually(floor.held, equals=39.0, within_seconds=20)
    async with floor.client() as http:
        assert await floor.send(http, "pipes", 40) < 300
    await asyncio.to_thread(floor.kafka.start)
    await eventually(floor.held, equals=0.0, within_seconds=40)
    assert set(floor.on_the_log("pipes")) == set(range(1, 41))


async def test_an_outage_is_told_to_who_has_no_spool_and_by_readyz(floor: Floor) -> None:
    await floor.ready()
    await asyncio.to_thread(floor.kafka.kill)
    async with floor.client() as http:
        assert await floor.send(http, "pipes", 1) < 300
        assert await floor.send(http, "honest", 1) == 503
        await eventually(lambda: _status(http), equals=503, within_seconds=20)
        states = (await http.get("/readyz")).json()["dependencies"]
    assert (states["kafka"]["ready"], states["spool"]["ready"]) == (False, True)
    assert states["spool"]["state"].startswith("1 deliveries")


async def test_a_disk_that_cannot_be_written_is_a_503_with_its_reason(floor: Floor) -> None:
    await floor.ready()
    await asyncio.to_thread(floor.kafka.kill)
    floor.spool.write_bytes(b"a file where the directory has to be")
    async with floor.client() as http:
        body, how = native(1)
        answer = await http.post("/v1/webhooks/own", json=body, **how)
        assert (answer.status_code, answer.json()["reason"]) == (503, "spool_failed")
        assert "retry-after" in answer.headers and str(floor.spool) not in answer.text
        floor.spool.unlink()
        assert await floor.send(http, "own", 2) < 300
