"""Tallies of poison in Redis, one key a topic: touched only when there is poison."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.aggregator.adapters.redis_scripts import Script, as_transient
from shared.contracts.keys import poison_key


class RedisPoisonTallies:
    """PoisonTallies of one state."""

    def __init__(self, redis: Redis, *, state: str) -> None:
        self._redis = redis
        self._state = state
        self._replace = Script(redis, "replace_if")

    async def read(self, topic: str) -> bytes | None:
        """See the port. Raises: RedisAway."""
        try:
            found: Any = await self._redis.get(poison_key(topic, self._state))
        except (RedisError, OSError, TimeoutError) as error:
            raise as_transient(error) from error
        return None if found is None else bytes(found)

    async def replace(self, topic: str, known: bytes, packed: bytes) -> bool:
        """See the port. Raises: RedisAway."""
        return bool(await self._replace([poison_key(topic, self._state)], [known, packed]))
