"""Keeps a tenant's alerts quiet while its past comes in: see ADR 0014."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.contracts.episodes import alerts_tag, arrived_key, arriving_key

LENGTH = timedelta(seconds=30)
"""After so long without a word the import is taken for dead, and its tenant is judged again."""
EVERY_SECONDS = 5.0
LOOK_SECONDS = 0.5
_BEGIN = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then redis.call('SET', KEYS[2], ARGV[1]) return 1 end
return 0
"""
_END = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


@asynccontextmanager
async def quiet(redis: Redis, tenant: str, name: str, waiting: Callable[[], object]) -> AsyncIterator[None]:
    """While the block runs nothing of the tenant is judged; after it, what was reached meanwhile is not celebrated.

    One import a tenant at a time: ``waiting`` is told once if another one, or one that was killed a moment ago, has to
    end first. Raises: RedisError, OSError.
    """
    keys = [arriving_key(alerts_tag(tenant)), arrived_key(alerts_tag(tenant))]
    told = False
    while not await redis.eval(_BEGIN, 2, *keys, name, LENGTH // timedelta(milliseconds=1)):
        if not told:
            waiting()
            told = True
        await asyncio.sleep(LOOK_SECONDS)
    keeper = asyncio.create_task(_keep(redis, keys[0], name))
    try:
        yield
    finally:
        keeper.cancel()
        await redis.eval(_END, 1, keys[0], name)


async def _keep(redis: Redis, key: str, name: str) -> None:
    """Says for ever that the import goes on; an outage of Redis is waited for, as nobody can judge in it."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await redis.set(key, name, px=LENGTH)
        except (RedisError, OSError):
            continue
