"""How far an edit of the configuration is followed, read from what the aggregator's workers leave in Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from services.api.adapters.pipeline_state import RedisPipeline
from services.api.domain.pipeline import Following
from shared.contracts import keys
from tests.support.api_parts import TurnedClock
from tests.support.real_redis import RealRedis
from tests.support.scoreboard_filler import PARTITIONS, ScoreboardFiller

pytestmark = pytest.mark.redis


@pytest.fixture
async def redis(redis_server: RealRedis) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_server.url) as client:
        await ScoreboardFiller(client).lay_out()
        await client.hset(keys.LAYOUT, mapping={keys.CONFIGURATION_FIELD: "v7", keys.GENERATION_FIELD: 7})
        yield client


async def told(redis: Redis, *, ledgers: str, scoreboards: str) -> None:
    for partition in range(PARTITIONS):
        await redis.set(keys.followed_key(keys.ledger_tag(partition, keys.FIRST_STATE)), ledgers)
        await redis.set(keys.followed_key(keys.scoreboard_tag(partition, keys.FIRST_STATE)), scoreboards)


async def following(redis: Redis) -> Following:
    return (await RedisPipeline(redis, TurnedClock()).state()).following


async def test_an_edit_that_every_partition_has_followed_is_done(redis: Redis) -> None:
    await told(redis, ledgers="7 0", scoreboards="8 0")
    assert await following(redis) == Following(version="v7")


async def test_partitions_that_have_not_looked_are_waited_for(redis: Redis) -> None:
    assert await following(redis) == Following(version="v7", partitions=2 * PARTITIONS)
    await told(redis, ledgers="6 0", scoreboards="7 0")
    assert await following(redis) == Following(version="v7", partitions=PARTITIONS)


async def test_what_is_left_is_added_up(redis: Redis) -> None:
    await told(redis, ledgers="7 0", scoreboards="7 3")
    await redis.set(keys.followed_key(keys.ledger_tag(0, keys.FIRST_STATE)), "7 120")
    assert await following(redis) == Following(
        version="v7", partitions=PARTITIONS + 1, records=120, reps=3 * PARTITIONS
    )
