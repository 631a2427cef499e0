"""The worker's transport as it is, with the network cut out: a test says what each poll brings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest
from faust.types import TP
from msgspec import Struct
from prometheus_client import CollectorRegistry

from services.aggregator.adapters.chunk_consumer import ChunkConsumer
from services.aggregator.adapters.chunk_runner import ChunkRunner
from services.aggregator.adapters.chunk_worker import ChunkFlow, ChunkWorker
from services.aggregator.domain.ageing import UNSWEPT, Swept
from services.aggregator.metrics import AggregatorMetrics
from services.aggregator.ports import Chunk, Fenced, Handled, Settlement
from services.aggregator.settings import AggregatorKafkaSettings
from shared.adapters.system_clock import SystemClock
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS

EVENTS_0, EVENTS_1, FACTS_0 = TP(CRM_EVENTS, 0), TP(CRM_EVENTS, 1), TP(KPI_FACTS, 0)


class Record(Struct):
    """As the extension's record: what the transport reads of it."""

    offset: int
    value: bytes | None = b"v"
    timestamp: int = 0


class Recorder:
    """A use case that notes its chunks; ``answer`` may be replaced by the test."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.voided: list[int] = []
        self.answer: Callable[[Chunk], Awaitable[Fenced]] = self._applied

    async def _applied(self, _: Chunk) -> Fenced:
        return Fenced.APPLIED

    async def handle(self, chunk: Chunk) -> Handled:
        outcome = await self.answer(chunk)
        self.chunks.append(chunk)
        return Handled(outcome, len(chunk.values))

    async def settle(self, _: int) -> Settlement:
        return Settlement(0)

    async def sweep(self, _: int) -> Swept:
        return UNSWEPT

    def void(self, partition: int) -> None:
        self.voided.append(partition)


class Rig:
    """The real consumer, conductor, stream and agents; only the network is cut out."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.registry = CollectorRegistry()
        self.polls: asyncio.Queue[dict[TP, list[Record]]] = asyncio.Queue()
        self.sought: list[dict[TP, int]] = []
        metrics = AggregatorMetrics(self.registry)
        runners = {
            topic: ChunkRunner(stage, self.recorder, metrics, SystemClock(), log_epoch=0)
            for topic, stage in ((CRM_EVENTS, "ledger"), (KPI_FACTS, "scoreboard"))
        }
        self.flow = ChunkFlow(runners, self._stored, chunk_records={CRM_EVENTS: 3, KPI_FACTS: 3}, linger_seconds=0)
        self.worker = ChunkWorker(AggregatorKafkaSettings(), self.flow)
        self.stored = {EVENTS_0: 10, EVENTS_1: 0, FACTS_0: 0}
        self._tasks: list[asyncio.Task[Any]] = []

    async def _stored(self, bounds: Mapping[TP, tuple[int, int]]) -> Mapping[TP, int]:
        return {tp: self.stored[tp] for tp in bounds}

    async def start(self, monkeypatch: pytest.MonkeyPatch) -> None:
        app = self.worker._app
        app.loop = asyncio.get_running_loop()
        app.finalize()
        consumer = self.worker.consumer

        async def poll(_: float) -> tuple[dict[TP, list[Record]], None]:
            if not consumer.flow_active:
                await consumer.can_resume_flow.wait()
            return await self.polls.get(), None

        async def seek(offsets: Mapping[TP, int]) -> None:
            self.sought.append(dict(offsets))
            consumer._read_offset.update(offsets)

        async def bounds(*partitions: TP) -> dict[TP, int]:
            return dict.fromkeys(partitions, 0)

        async def committed(_: Mapping[TP, int]) -> bool:
            return True

        cut_out = {"_wait_next_records": poll, "seek_wait": seek, "_commit": committed}
        for name, fake in (cut_out | {"earliest_offsets": bounds, "highwaters": bounds}).items():
            monkeypatch.setattr(consumer, name, fake)
        monkeypatch.setattr(consumer, "assignment", lambda: set(self.stored))
        app.flow_control.resume()
        for agent in app.agents.values():
            await agent.start()
        await app.topics._update_indices()
        await app.topics.on_partitions_assigned(set(self.stored))
        await consumer.seek_to_committed()
        self._tasks.append(asyncio.create_task(self._drain(consumer)))

    async def _drain(self, consumer: ChunkConsumer) -> None:
        await consumer._drain_messages(self.worker._app._fetcher)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for agent in self.worker._app.agents.values():
            await agent.stop()
        await self.worker._lanes.close()
        self.worker.consumer._thread.thread_loop.close()

    def spans(self) -> list[tuple[int, int, int]]:
        return [(chunk.partition, chunk.start, chunk.next_offset) for chunk in self.recorder.chunks]


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    rig = Rig()
    await rig.start(monkeypatch)
    yield rig
    await rig.stop()


def records(start: int, count: int) -> list[Record]:
    return [Record(start + i) for i in range(count)]
