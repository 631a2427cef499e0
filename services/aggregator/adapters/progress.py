"""Tells, once a second, how far this worker's partitions are, and notices when their stored state has gone back.

Lag goes to metrics, marks to Redis while caught up. A mark says: everything received up to this instant is applied in
this partition. Under load the commits move it. A ledger partition that has applied all that the last fetch saw may
claim the instant of that fetch. A scoreboard partition may claim no more than what every ledger had claimed before the
fetch that showed it caught up, since an event may still be on its way through a ledger. Readers take the least mark of
all partitions as watermark.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from faust.types import TP
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.aggregator.adapters.chunk_consumer import FETCH_WAIT_MS, ChunkConsumer
from services.aggregator.adapters.chunk_runner import ChunkRunner
from services.aggregator.adapters.log_identity import LogLayout
from services.aggregator.adapters.log_positions import tag_of
from services.aggregator.adapters.redis_scripts import Script
from services.aggregator.adapters.settling import Followed
from services.aggregator.adapters.updates_publisher import UpdatesPublisher
from services.aggregator.domain.set_back import Look, Notice, noticed
from services.aggregator.metrics import AggregatorMetrics
from shared.contracts import keys
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS
from shared.domain.clock import Clock
from shared.domain.facts import EPOCH_BITS
from shared.domain.instants import Micros
from shared.errors import TransientError

EVERY_SECONDS = 1.0
Noticed = Callable[[Mapping[TP, Notice]], Awaitable[None]]
"""Told of every partition whose state has gone back or may have. Raises: TransientError, then it is told again."""


class _Claim(Struct, frozen=True):
    """The least mark of all ledgers, and when it was read by our clock."""

    mark: Micros
    read_at: Micros


class Progress:
    """Marks and lag of the partitions that this worker owns."""

    def __init__(
        self,
        redis: Redis,
        metrics: AggregatorMetrics,
        updates: UpdatesPublisher,
        *,
        runners: Mapping[str, ChunkRunner],
        clock: Clock,
        layout: LogLayout,
    ) -> None:
        self._state = layout.state
        self._redis = redis
        self._metrics = metrics
        self._updates = updates
        self._clock = clock
        self._ledgers = range(layout.events_partitions)
        self._first = layout.log_epoch << EPOCH_BITS
        self._look = Script(redis, "look_and_mark")
        self._shown: set[TP] = set()
        self._runners = runners
        self._told: dict[TP, Followed] = {}
        self._servers: dict[TP, str] = {}
        self._claim = _Claim(0, 0)

    def follow(self, state: str) -> None:
        """Another state is live: whose marks are raised from now on."""
        self._state = state
        self._told.clear()
        self._claim = _Claim(0, 0)  # what one state's ledgers have says nothing of another's scoreboards
        self._servers.clear()

    async def run(self, consumer: ChunkConsumer, told: Noticed) -> None:
        """Tells for ever. An outage shows in lag and marks that stand still."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.tell(consumer, told)
            except (TransientError, RedisError, OSError, TimeoutError):
                continue

    async def tell(self, consumer: ChunkConsumer, told: Noticed) -> None:
        """One round."""
        state = self._state
        owned = {tp: applied for tp, applied in consumer.applied.items() if tp not in consumer.reseek}
        self._show_lag(consumer, owned)
        claims = {tp: self._claim_of(consumer, tp, applied) for tp, applied in owned.items()}
        least = await self._least_ledger_mark()
        if state != self._state:  # what one state's ledgers have says nothing of another's scoreboards
            return
        self._claim = _Claim(least, self._clock.now())
        await self._tell_followed(owned, state)
        looks = await asyncio.gather(
            *(self._look_at(tag_of(tp, state), applied, claims[tp]) for tp, applied in owned.items())
        )
        if state != self._state:
            return
        self._updates.look_at(tp.partition for tp in owned.keys() - self._shown if tp.topic == KPI_FACTS)
        self._shown = set(owned)
        found = dict(zip(owned, looks, strict=True))
        notices = {tp: noticed(self._first + owned[tp], look, self._servers.get(tp)) for tp, look in found.items()}
        if gone_back := {tp: notice for tp, notice in notices.items() if notice is not Notice.STEADY}:
            await told(gone_back)
            self._told.clear()
        self._servers = {tp: look.server for tp, look in found.items()}

    async def _tell_followed(self, owned: Iterable[TP], state: str) -> None:
        """What of an edit of the configuration is left to do, where it is another than was told before."""
        found = {tp: self._runners[tp.topic].followed(tp.partition) for tp in owned}
        self._told = {tp: told for tp, told in self._told.items() if tp in found}
        for tp, followed in found.items():
            if followed is not None and followed != self._told.get(tp):
                await self._redis.set(keys.followed_key(tag_of(tp, state)), str(followed))
                self._told[tp] = followed

    def _claim_of(self, consumer: ChunkConsumer, tp: TP, applied: int) -> Micros:
        """Up to when everything is applied in the partition, as far as it can be told; 0 while it is behind."""
        end, answered = consumer.log_end(tp), consumer.last_answer(tp)
        if end is None or answered is None or applied < end:
            return 0
        if tp.topic == CRM_EVENTS:
            return answered * 1000
        asked_after = answered * 1000 > self._claim.read_at + FETCH_WAIT_MS * 1000
        return self._claim.mark if asked_after else 0

    async def _look_at(self, tag: str, applied: int, mark: Micros) -> Look:
        touched = [keys.offset_key(tag), keys.mark_key(tag)]
        position, server = await self._look(touched, [self._first + applied, mark])
        return Look(int(position), server.decode())

    def _show_lag(self, consumer: ChunkConsumer, owned: Mapping[TP, int]) -> None:
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
