"""Tells, once a second, how far this worker's partitions are: lag as metrics, and marks in Redis while caught up.

A mark says: everything received up to this instant is applied in this partition. Under load the commits move it.
A ledger partition that has applied all that the last fetch saw may claim the instant of that fetch. A scoreboard
partition may claim no more than what every ledger had claimed before the scoreboard was seen to be caught up, since
an event may still be on its way through a ledger. Readers take the least mark of all partitions as watermark.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from faust.types import TP
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.aggregator.adapters.chunk_consumer import ChunkConsumer
from services.aggregator.adapters.chunk_runner import ChunkRunner
from services.aggregator.adapters.log_positions import tag_of
from services.aggregator.adapters.redis_scripts import Script
from services.aggregator.adapters.settling import Followed
from services.aggregator.adapters.updates_publisher import UpdatesPublisher
from services.aggregator.metrics import AggregatorMetrics
from shared.contracts import keys
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS
from shared.domain.instants import Micros
from shared.errors import TransientError

EVERY_SECONDS = 1.0


class Progress:
    """Marks and lag of the partitions that this worker owns."""

    def __init__(
        self,
        redis: Redis,
        metrics: AggregatorMetrics,
        updates: UpdatesPublisher,
        *,
        runners: Mapping[str, ChunkRunner],
        events_partitions: int,
        state: str,
    ) -> None:
        self._state = state
        self._redis = redis
        self._metrics = metrics
        self._updates = updates
        self._ledgers = range(events_partitions)
        self._raise = Script(redis, "raise_mark")
        self._shown: set[TP] = set()
        self._runners = runners
        self._told: dict[TP, Followed] = {}

    def follow(self, state: str) -> None:
        """Another state is live: whose marks are raised from now on."""
        self._state = state
        self._told.clear()

    async def run(self, consumer: ChunkConsumer) -> None:
        """Tells for ever. An outage shows in lag and marks that stand still."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.tell(consumer)
            except (TransientError, RedisError, OSError, TimeoutError):
                continue

    async def tell(self, consumer: ChunkConsumer) -> None:
        """One round."""
        state = self._state
        ledgers_at = await self._least_ledger_mark()
        if state != self._state:  # what one state's ledgers have says nothing of another's scoreboards
            return
        owned = dict(consumer.applied)
        await self._tell_followed(owned, state)
        self._show_lag(consumer, owned)
        ends = {tp: consumer.log_end(tp) for tp in owned}
        idle = [tp for tp, applied in owned.items() if (end := ends[tp]) is not None and applied >= end]
        claims: dict[TP, Micros] = {}
        for tp in idle:
            answered = consumer.last_answer(tp)
            if answered is not None:
                claims[tp] = answered * 1000 if tp.topic == CRM_EVENTS else ledgers_at
        await asyncio.gather(
            *(self._raise([keys.mark_key(tag_of(tp, state))], [mark]) for tp, mark in claims.items() if mark)
        )
        self._updates.look_at(tp.partition for tp in owned.keys() - self._shown if tp.topic == KPI_FACTS)
        self._shown = set(owned)

    async def _tell_followed(self, owned: Iterable[TP], state: str) -> None:
        """What of an edit of the configuration is left to do, where it is another than was told before."""
        found = {tp: self._runners[tp.topic].followed(tp.partition) for tp in owned}
        self._told = {tp: told for tp, told in self._told.items() if tp in found}
        for tp, followed in found.items():
            if followed is not None and followed != self._told.get(tp):
                await self._redis.set(keys.followed_key(tag_of(tp, state)), str(followed))
                self._told[tp] = followed

    def _show_lag(self, consumer: ChunkConsumer, owned: dict[TP, int]) -> None:
        for tp in self._shown - owned.keys():
            self._metrics.lag.remove(tp.topic, str(tp.partition))
        for tp, applied in owned.items():
            lag = max(0, (consumer.log_end(tp) or applied) - applied)
            self._metrics.lag.labels(topic=tp.topic, partition=str(tp.partition)).set(lag)

    async def _least_ledger_mark(self) -> Micros:
        marks = await asyncio.gather(*(self._redis.get(key) for key in _mark_keys(self._ledgers, self._state)))
        return min((int(mark or 0) for mark in marks), default=0)


def _mark_keys(partitions: Iterable[int], state: str) -> Iterable[str]:
    return (keys.mark_key(keys.ledger_tag(partition, state)) for partition in partitions)
