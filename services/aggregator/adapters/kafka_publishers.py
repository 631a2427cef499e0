"""Writes facts and quarantined messages to Kafka, and returns only when the brokers have them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TypeVar

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from msgspec.structs import replace

from services.aggregator.metrics import AggregatorMetrics
from services.aggregator.ports import Poison
from shared.adapters.kafka_producer import open_producer
from shared.adapters.kafka_topics import KafkaAway
from shared.contracts.messages import Quarantined, decode_change, encode_change, encode_quarantined
from shared.contracts.quarantine import as_text
from shared.contracts.topics import CRM_QUARANTINE, KPI_FACTS
from shared.domain.clock import Clock
from shared.domain.quarantine import NOBODY, identity
from shared.settings import KafkaSettings

ACK_SECONDS = 8.0
"""How long a publish waits for its acknowledgements: longer than one request, well below the rebalance's limit."""
T = TypeVar("T")


class RenewableProducer:
    """One idempotent producer at a time; a broken one is left behind and the next call opens another."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._producer: AIOKafkaProducer | None = None
        self._opening = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def run(self, work: Callable[[AIOKafkaProducer], Awaitable[T]]) -> T:
        """What ``work`` returns, within a limit. Raises: KafkaAway; then what it sent may or may not be in the log."""
        producer = None
        try:
            async with asyncio.timeout(ACK_SECONDS):
                producer = await self._open()
                return await work(producer)
        except (KafkaError, OSError, TimeoutError) as error:
            if producer is not None and producer is self._producer:
                self._leave_behind()
            raise KafkaAway(f"not acknowledged: {type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Flushes and closes; a producer without its broker does not hold us up."""
        self._leave_behind()
        if self._closing:
            await asyncio.wait(self._closing, timeout=2)
        for task in self._closing:
            task.cancel()

    async def _open(self) -> AIOKafkaProducer:
        async with self._opening:
            if self._producer is None:
                self._producer = await self._stack.enter_async_context(open_producer(self._settings))
            return self._producer

    def _leave_behind(self) -> None:
        stack, self._stack, self._producer = self._stack, AsyncExitStack(), None
        task = asyncio.create_task(_close_quietly(stack))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _close_quietly(stack: AsyncExitStack) -> None:
    try:
        await stack.aclose()
    except (KafkaError, OSError, TimeoutError):
        return  # it was broken already, which its user has been told


class KafkaFactsPublisher:
    """FactsPublisher: one message a target partition, several for many large facts; all acknowledged."""

    def __init__(self, producer: RenewableProducer, *, partitions: int, state: str) -> None:
        self._producer = producer
        self._partitions = partitions
        self._state = state

    @property
    def partitions(self) -> int:
        """How many partitions kpi.facts has."""
        return self._partitions

    @property
    def state(self) -> str:
        """The state whose facts they are."""
        return self._state

    async def publish(self, batches: Mapping[int, Sequence[bytes]]) -> None:
        """Returns when all are acknowledged. Raises: KafkaAway."""
        if batches:
            await self._producer.run(lambda producer: _send_all(producer, batches))


async def _send_all(producer: AIOKafkaProducer, batches: Mapping[int, Sequence[bytes]]) -> None:
    sent = [
        await producer.send(KPI_FACTS, batch, partition=partition)
        for partition, some in batches.items()
        for batch in some
    ]
    await asyncio.gather(*sent)


class KafkaQuarantineSink:
    """QuarantineSink: what the aggregator cannot use, with the place in the log at which it was found."""

    def __init__(self, producer: RenewableProducer, metrics: AggregatorMetrics, clock: Clock) -> None:
        self._producer = producer
        self._metrics = metrics
        self._clock = clock

    async def poisoned(self, topic: str, partition: int, poison: Sequence[Poison]) -> None:
        """Returns when all are kept. Raises: KafkaAway."""
        entries = [self._entry(topic, partition, each) for each in poison]

        async def send(producer: AIOKafkaProducer) -> None:
            sent = [
                await producer.send(CRM_QUARANTINE, encode_quarantined(entry), key=entry.source.encode())
                for entry in entries
            ]
            await asyncio.gather(*sent)

        await self._producer.run(send)
        for each in poison:
            self._metrics.quarantined.labels(reason=each.reason).inc()

    def _entry(self, topic: str, partition: int, poison: Poison) -> Quarantined:
        said, tenant, source, received_at = _origin(poison.value)
        body, encoding = as_text(poison.value)
        return Quarantined(
            id=identity("qp", topic.encode(), said),
            tenant=tenant,
            source=source,
            reason=poison.reason,
            detail=poison.detail,
            received_at=received_at or self._clock.now(),
            body=body,
            encoding=encoding,
            topic=topic,
            partition=partition,
            offset=poison.offset,
        )


def _origin(value: bytes) -> tuple[bytes, str, str, int]:
    """What it says, whenever it was delivered; tenant, source and ingest time, as far as it still tells them."""
    try:
        change = decode_change(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return value, NOBODY, NOBODY, 0
    said = encode_change(replace(change, received_at=0, delivery=""))
    return said, change.tenant, change.source, change.received_at
