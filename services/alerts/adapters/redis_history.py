"""Imports of history, as `pacer import` notes them beside a tenant's episodes."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.alerts.ports import Arrival
from shared.adapters.episode_reader import EpisodesAway
from shared.contracts.episodes import alerts_tag, arrived_key, arriving_key

_REMOVE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class RedisHistory:
    """See the port."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._remove = redis.register_script(_REMOVE)

    async def arrival(self, tenant: str) -> Arrival:
        """See the port."""
        tag = alerts_tag(tenant)
        try:
            found: list[Any] = await self._redis.mget([arriving_key(tag), arrived_key(tag)])
        except (RedisError, OSError) as error:
            raise EpisodesAway(str(error)) from error
        arriving, arrived = found
        return Arrival(arriving is not None, None if arrived is None else arrived.decode())

    async def judged(self, tenant: str, arrived: str) -> None:
        """See the port."""
        try:
            await self._remove(keys=[arrived_key(alerts_tag(tenant))], args=[arrived])
        except (RedisError, OSError) as error:
            raise EpisodesAway(str(error)) from error
