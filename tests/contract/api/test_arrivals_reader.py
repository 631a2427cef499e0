"""What the ledger's store counts is what the api reads of it, over partitions and days."""

from __future__ import annotations

from collections import Counter

import redis as blocking
from redis.asyncio import Redis

from services.aggregator.adapters.redis_ledger_store import RedisLedgerStore
from services.aggregator.domain.arrivals import Arrivals
from services.aggregator.domain.stored import LedgerCommit
from services.api.adapters.arrivals_reader import RedisArrivals
from services.api.domain.source_rhythm import HourlyCounts
from shared.contracts import keys
from tests.support.changes import T0
from tests.support.manual_clock import ManualClock
from tests.support.real_redis import RealRedis

DAY = T0 // 86_400_000_000
HOUR = DAY * 24
SOURCE = "acme/crm"


def commit(start: int, received: dict[int, int], repeated: dict[int, int] | None = None) -> LedgerCommit:
    counts = (Counter({(SOURCE, hour): n for hour, n in hours.items()}) for hours in (received, repeated or {}))
    return LedgerCommit(start, start + 1, {}, {}, 0, {}, Arrivals(*counts))


async def test_counts_of_partitions_and_days_add_up_once(redis_server: RealRedis) -> None:
    client = blocking.Redis.from_url(redis_server.url)
    client.hset(keys.LAYOUT, mapping={"events_partitions": 2, "facts_partitions": 2})
    for partition in range(2):
        client.set(keys.offset_key(keys.ledger_tag(partition, keys.FIRST_STATE)), 0)
    async with Redis.from_url(redis_server.url) as redis:
        store, reader = (
            RedisLedgerStore(redis, log_epoch=0, state=keys.FIRST_STATE),
            RedisArrivals(redis, ManualClock(T0)),
        )
        await store.commit(0, commit(0, {HOUR: 2, HOUR + 23: 1, HOUR - 1: 5}, {HOUR: 1}))
        await store.commit(0, commit(0, {HOUR: 9}))
        await store.commit(1, commit(0, {HOUR: 3}))
        found = await reader.of([DAY, DAY - 1])
        assert found == {("acme", "crm"): HourlyCounts({HOUR: 5, HOUR + 23: 1, HOUR - 1: 5}, {HOUR: 1})}
        assert 0 < await redis.ttl(keys.arrivals_key(keys.ledger_tag(0, keys.FIRST_STATE), DAY)) <= 40 * 86_400


async def test_before_the_aggregator_ever_started_nothing_arrived(redis_server: RealRedis) -> None:
    async with Redis.from_url(redis_server.url) as redis:
        assert await RedisArrivals(redis, ManualClock(T0)).of([DAY]) == {}
