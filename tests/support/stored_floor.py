"""Both stages of the aggregator on a real Redis without Kafka, chunk by chunk, with a clock that the test turns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from redis.asyncio import Redis

from services.aggregator.adapters.redis_ledger_store import RedisLedgerStore
from services.aggregator.adapters.redis_scoreboard_store import RedisScoreboardStore
from services.aggregator.adapters.redis_sweep_log import RedisSweepLog
from services.aggregator.domain.ageing import SweptKind
from services.aggregator.ledger import Ledger
from services.aggregator.poison import PoisonKeeper
from services.aggregator.ports import Chunk, ChunkHandler, Fenced
from services.aggregator.scoreboard import Scoreboard
from services.aggregator.sweep_rounds import SweepRounds
from shared.contracts import keys
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS
from shared.domain.changes import RecordChange
from shared.domain.instants import DAY_US, Micros
from shared.domain.tenant import Tenant
from tests.support.aggregator_fakes import (
    CollectingPublisher,
    FixedCatalogue,
    InMemoryTallies,
    ListQuarantine,
    ListUpdates,
)
from tests.support.changes import on_the_log
from tests.support.manual_clock import ManualClock

PARTITIONS = 3
STATE = keys.FIRST_STATE


class StoredFloor:
    """Changes in by ``take``; facts and numbers are in Redis, where readers look for them."""

    def __init__(self, redis: Redis, tenant: Tenant) -> None:
        self._redis = redis
        self._clock = ManualClock(0)
        self._publisher = CollectingPublisher(PARTITIONS)
        self._catalogue = FixedCatalogue(tenant)
        self._scored: Counter[int] = Counter()
        self._taken = 0
        self.restart()

    def restart(self) -> None:
        """A new process on the same stores."""
        quarantine, tallies, catalogue = ListQuarantine(), InMemoryTallies(), self._catalogue
        self._ledger = Ledger(
            RedisLedgerStore(self._redis, log_epoch=0, state=STATE),
            self._publisher,
            poison=PoisonKeeper(CRM_EVENTS, quarantine, tallies),
            catalogue=catalogue,
            rounds=SweepRounds(RedisSweepLog(self._redis, keys.ledger_tag, state=STATE), self._clock),
        )
        self._scoreboard = Scoreboard(
            RedisScoreboardStore(self._redis, log_epoch=0, state=STATE),
            ListUpdates(),
            poison=PoisonKeeper(KPI_FACTS, quarantine, tallies),
            catalogue=catalogue,
            rounds=SweepRounds(RedisSweepLog(self._redis, keys.scoreboard_tag, state=STATE), self._clock),
        )

    async def begin(self) -> None:
        """What an aggregator writes at its first start."""
        await self._redis.hset(keys.LAYOUT, mapping={"events_partitions": 1, "facts_partitions": PARTITIONS})
        for tag in (keys.ledger_tag(0, STATE), *(keys.scoreboard_tag(n, STATE) for n in range(PARTITIONS))):
            await self._redis.set(keys.offset_key(tag), 0)

    async def take(self, changes: Iterable[RecordChange], size: int = 1000) -> None:
        """Works off changes in chunks of a size."""
        log = on_the_log(list(changes))
        for start in range(0, len(log), size):
            some = log[start : start + size]
            handled = await self._ledger.handle(Chunk(0, self._taken, some))
            assert handled.outcome is Fenced.APPLIED
            self._taken += len(some)
            await self._score()

    async def edit(self, tenant: Tenant) -> None:
        """Puts another configuration in force and follows it."""
        self._catalogue.edit(tenant)
        while (await self._ledger.settle(0)).remaining:
            await self._score()
        await self._score()
        for partition in range(PARTITIONS):
            while (await self._scoreboard.settle(partition)).remaining:
                continue

    async def sweep(self, at: Micros) -> Counter[SweptKind]:
        """What the sweeps of that instant and of the day before do; the first time ever the latter only looks."""
        counts: Counter[SweptKind] = Counter()
        stages: list[tuple[ChunkHandler, int]] = [(self._ledger, 0)]
        stages += [(self._scoreboard, partition) for partition in range(PARTITIONS)]
        for instant in (at - DAY_US, at):
            self._clock.set(instant)
            for stage, partition in stages:
                while (swept := await stage.sweep(partition)).is_more:
                    counts.update(swept.counts)
                counts.update(swept.counts)
        return +counts

    async def _score(self) -> None:
        for partition, log in sorted(self._publisher.logs.items()):
            start = self._scored[partition]
            if start < len(log):
                handled = await self._scoreboard.handle(Chunk(partition, start, log[start:]))
                assert handled.outcome is Fenced.APPLIED
                self._scored[partition] = len(log)
