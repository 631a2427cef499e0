"""Publishes who changed to kpi.updates, at most once a rep in a while.

The set of changed reps is in Redis, written by the commit itself. It is cleared after the brokers have the update,
so a crash in between publishes again, and a rep who changed meanwhile stays in the set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from datetime import timedelta

import structlog
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from services.aggregator.adapters.kafka_publishers import RenewableProducer
from services.aggregator.adapters.redis_scripts import Script
from services.aggregator.domain.stored import RepRef
from services.aggregator.metrics import AggregatorMetrics
from shared.contracts import keys
from shared.contracts.heartbeats import heartbeat_update
from shared.contracts.messages import RepUpdated, encode_update
from shared.contracts.topics import KPI_UPDATES
from shared.domain.clock import Clock
from shared.domain.instants import Micros
from shared.errors import TransientError

MOST_AT_ONCE = 500
RETRY_SECONDS = 0.5
log = structlog.get_logger()


class UpdatesPublisher:
    """UpdatesSink, and the task that publishes."""

    def __init__(
        self,
        redis: Redis,
        producer: RenewableProducer,
        metrics: AggregatorMetrics,
        *,
        clock: Clock,
        interval: timedelta,
        state: str,
    ) -> None:
        self._producer = producer
        self._metrics = metrics
        self._clock = clock
        self._state = state
        self._interval = interval.total_seconds()
        self._take = Script(redis, "take_changed")
        self._clear = Script(redis, "clear_changed")
        self._waiting: set[int] = set()
        self._received_at: dict[RepRef, Micros] = {}
        self._heartbeat: Micros = 0
        self._wake = asyncio.Event()

    def follow(self, state: str) -> None:
        """Another state is live: whose sets are published from now on."""
        self._state = state

    def changed(self, partition: int, reps: Collection[RepRef], received_at: Micros) -> None:
        """Notes reps to publish. See UpdatesSink."""
        for rep in reps:
            self._received_at.setdefault(rep, received_at)
        self.look_at([partition])

    def heartbeat(self, sent_at: Micros) -> None:
        """Notes a heartbeat to pass on. See UpdatesSink."""
        self._heartbeat = max(self._heartbeat, sent_at)
        self._wake.set()

    def look_at(self, partitions: Iterable[int]) -> None:
        """Publishes what the set of these partitions still holds: a crashed owner may have left some."""
        self._waiting.update(partitions)
        if self._waiting:
            self._wake.set()

    async def run(self) -> None:
        """Publishes for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            partitions, self._waiting = self._waiting, set()
            pause = self._interval
            try:
                await asyncio.gather(*(self._publish(partition) for partition in partitions))
                await self._pass_on_heartbeat()
            except TransientError as error:
                log.warning("updates_wait", reason=error.reason)
                self._waiting |= partitions
                pause = max(RETRY_SECONDS, pause)
            await asyncio.sleep(pause)
            if self._waiting:
                self._wake.set()

    async def _pass_on_heartbeat(self) -> None:
        """After the updates of the same time: who hears it knows that those are out."""
        sent_at, self._heartbeat = self._heartbeat, 0
        if sent_at:
            update = heartbeat_update(sent_at, self._clock.now())
            await self._producer.run(lambda producer: _send_all(producer, [update]))

    async def _publish(self, partition: int) -> None:
        tag = keys.scoreboard_tag(partition, self._state)
        changed, cells = keys.changed_key(tag), f"{tag}c:"
        answer: list[bytes] = await self._take([changed], [MOST_AT_ONCE, cells])
        if not answer:
            return
        at = self._clock.now()
        updates = [
            self._update(member.decode(), int(version), at)
            for member, version in zip(answer[::2], answer[1::2], strict=True)
        ]
        await self._producer.run(lambda producer: _send_all(producer, updates))
        self._metrics.updates.inc(len(updates))
        if await self._clear([changed], [cells, *answer]):
            self._waiting.add(partition)

    def _update(self, member: str, version: int, at: Micros) -> RepUpdated:
        tenant, _, rep = member.partition("/")
        received_at = self._received_at.pop((tenant, rep), 0)
        return RepUpdated(tenant=tenant, rep=rep, version=version, at=at, received_at=received_at)


async def _send_all(producer: AIOKafkaProducer, updates: Collection[RepUpdated]) -> None:
    sent = [
        await producer.send(KPI_UPDATES, encode_update(update), key=f"{update.tenant}/{update.rep}".encode())
        for update in updates
    ]
    await asyncio.gather(*sent)
