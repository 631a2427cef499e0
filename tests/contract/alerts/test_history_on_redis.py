"""What `pacer import` notes beside a tenant's episodes is what the judge reads, on one server and on a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from cli.history import quiet as quietness
from cli.history.quiet import quiet
from services.alerts.adapters.redis_history import RedisHistory
from services.alerts.ports import Arrival
from tests.support.eventually import eventually
from tests.support.redis_cluster import REAL, open_real_redis

pytestmark = pytest.mark.redis


@pytest.fixture(params=REAL)
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    async with open_real_redis(request) as client:
        yield client


def nobody_waits() -> None:
    raise AssertionError("there is no other import")


async def test_a_tenant_without_imports_is_judged(redis: Redis) -> None:
    assert await RedisHistory(redis).arrival("acme") == Arrival()


async def test_an_import_is_seen_while_it_runs_and_until_it_is_judged(redis: Redis) -> None:
    history = RedisHistory(redis)
    async with quiet(redis, "acme", "im_1", nobody_waits):
        assert await history.arrival("acme") == Arrival(arriving=True, arrived="im_1")
        assert await history.arrival("other") == Arrival()
    assert await history.arrival("acme") == Arrival(arrived="im_1")

    await history.judged("acme", "im_1")

    assert await history.arrival("acme") == Arrival()


async def test_judging_one_import_says_nothing_of_the_next(redis: Redis) -> None:
    history = RedisHistory(redis)
    async with quiet(redis, "acme", "im_2", nobody_waits):
        await history.judged("acme", "im_1")
        assert (await history.arrival("acme")).arrived == "im_2"


async def test_two_imports_into_a_tenant_come_one_after_the_other(redis: Redis) -> None:
    waited: list[None] = []

    async def second() -> Arrival:
        async with quiet(redis, "acme", "im_2", lambda: waited.append(None)):
            return await RedisHistory(redis).arrival("acme")

    async with quiet(redis, "acme", "im_1", nobody_waits):
        task = asyncio.create_task(second())
        await eventually(lambda: len(waited), equals=1)
        assert (await RedisHistory(redis).arrival("acme")).arrived == "im_1"
    assert await task == Arrival(arriving=True, arrived="im_2")


async def test_an_import_that_was_killed_is_over_after_a_while_and_is_not_celebrated(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quietness, "LENGTH", timedelta(milliseconds=200))
    history, ended = RedisHistory(redis), asyncio.Event()

    async def killed() -> None:
        async with quiet(redis, "acme", "im_1", nobody_waits):
            ended.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(killed())
    await ended.wait()
    assert (await history.arrival("acme")).arriving
    await eventually(lambda: history.arrival("acme"), equals=Arrival(arrived="im_1"))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
