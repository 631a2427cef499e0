"""Tallies of poison: what holds in Redis holds for the fake that other tests use."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from services.aggregator.adapters.redis_poison_tallies import RedisPoisonTallies
from services.aggregator.adapters.redis_scripts import RedisAway
from services.aggregator.ports import PoisonTallies
from tests.support.aggregator_fakes import InMemoryTallies
from tests.support.real_redis import RealRedis

pytestmark = pytest.mark.redis


@pytest.fixture(params=["fake", "redis"])
async def tallies(request: pytest.FixtureRequest, redis_server: RealRedis) -> AsyncIterator[PoisonTallies]:
    if request.param == "fake":
        yield InMemoryTallies()
        return
    async with Redis.from_url(redis_server.url) as client:
        yield RedisPoisonTallies(client, state=request.node.name)


async def test_at_first_there_is_none(tallies: PoisonTallies) -> None:
    assert await tallies.read("crm.events") is None


async def test_who_knows_it_replaces_it(tallies: PoisonTallies) -> None:
    assert await tallies.replace("crm.events", b"", b"\xff\x00")
    assert await tallies.replace("crm.events", b"\xff\x00", b"two")
    assert await tallies.read("crm.events") == b"two"


async def test_who_does_not_know_it_changes_nothing(tallies: PoisonTallies) -> None:
    await tallies.replace("crm.events", b"", b"one")
    assert not await tallies.replace("crm.events", b"", b"two")
    assert await tallies.read("crm.events") == b"one"


async def test_topics_do_not_mix(tallies: PoisonTallies) -> None:
    await tallies.replace("crm.events", b"", b"one")
    assert await tallies.read("kpi.facts") is None


async def test_states_do_not_mix(redis_server: RealRedis) -> None:
    async with Redis.from_url(redis_server.url) as client:
        await RedisPoisonTallies(client, state="a").replace("crm.events", b"", b"one")
        assert await RedisPoisonTallies(client, state="b").read("crm.events") is None


async def test_an_outage_is_told_as_one() -> None:
    async with Redis.from_url("redis://127.0.0.1:1") as client:
        with pytest.raises(RedisAway):
            await RedisPoisonTallies(client, state="").read("crm.events")
