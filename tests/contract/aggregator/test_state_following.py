"""What a worker makes of what Redis says about the live state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

import pytest
from redis.asyncio import Redis

from services.aggregator.adapters.redis_scripts import RedisAway
from services.aggregator.adapters.state_following import LaidOutAnew, StateFollower
from shared.contracts import keys
from shared.contracts.topics import CRM_EVENTS
from tests.support.real_redis import RealRedis

pytestmark = pytest.mark.redis
LAID_OUT = {"facts_partitions": "8", "log:crm.events": "id"}


class Worker:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.generation = 3
        self.moves: list[str] = []
        self.held: list[Collection[str]] = []


@pytest.fixture
async def redis(redis_server: RealRedis) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_server.url)
    await client.hset(keys.LAYOUT, mapping={**LAID_OUT, "generation": 3})
    yield client
    await client.aclose()


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def follower(redis: Redis, worker: Worker) -> StateFollower:
    return StateFollower(
        redis,
        keys.FIRST_STATE,
        laid_out=LAID_OUT,
        generation=lambda: worker.generation,
        move=worker.moves.append,
        hold=worker.held.append,
    )


async def test_a_state_that_became_live_is_moved_to_once(redis: Redis, follower: StateFollower, worker: Worker) -> None:
    await follower.look()
    await redis.hset(keys.LAYOUT, keys.STATE_FIELD, "r2")
    await follower.look()
    await follower.look()
    assert worker.moves == ["r2"]


async def test_only_the_ledgers_of_the_held_state_stand_still(
    redis: Redis, follower: StateFollower, worker: Worker
) -> None:
    await redis.set(keys.HOLD, keys.FIRST_STATE)
    await follower.look()
    await redis.hset(keys.LAYOUT, keys.STATE_FIELD, "r2")
    await follower.look()
    assert worker.held == [(CRM_EVENTS,), ()]


@pytest.mark.parametrize("field", ["facts_partitions", "log:crm.events"])
async def test_another_layout_wants_a_new_start(redis: Redis, follower: StateFollower, field: str) -> None:
    await redis.hset(keys.LAYOUT, field, "other")
    with pytest.raises(LaidOutAnew):
        await follower.look()


async def test_a_redis_that_was_emptied_wants_a_new_start(redis: Redis, follower: StateFollower) -> None:
    await redis.flushall()
    with pytest.raises(LaidOutAnew):
        await follower.look()


async def test_a_redis_that_went_back_before_the_last_edit_wants_a_new_start(
    redis: Redis, follower: StateFollower
) -> None:
    await redis.hset(keys.LAYOUT, "generation", 2)
    with pytest.raises(LaidOutAnew):
        await follower.look()


async def test_an_outage_changes_nothing(redis_server: RealRedis, follower: StateFollower, worker: Worker) -> None:
    redis_server.kill()
    with pytest.raises(RedisAway):
        await follower.look()
    assert (worker.moves, worker.held) == ([], [])
