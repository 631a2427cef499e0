"""When the partitions of a stage were last swept, in Redis."""

from __future__ import annotations

from collections.abc import Callable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.aggregator.adapters.redis_scripts import Script, as_transient
from shared.contracts import keys
from shared.domain.instants import Micros


class RedisSweepLog:
    """SweepLog of one stage in one state; ``tag_of`` is the stage's of shared.contracts.keys."""

    def __init__(self, redis: Redis, tag_of: Callable[[int, str], str], *, state: str) -> None:
        self._redis = redis
        self._tag_of = tag_of
        self._state = state
        self._replace = Script(redis, "replace_if")

    async def last(self, partition: int) -> Micros | None:
        """When the last sweep began, or the partition was first seen. Raises: RedisAway."""
        try:
            stored = await self._redis.get(self._key(partition))
        except (RedisError, OSError, TimeoutError) as error:
            raise as_transient(error) from error
        return None if stored is None else int(stored)

    async def note(self, partition: int, known: Micros | None, now: Micros) -> bool:
        """Puts an instant in place of the known one. Raises: RedisAway."""
        return bool(await self._replace([self._key(partition)], ["" if known is None else known, now]))

    def _key(self, partition: int) -> str:
        return keys.swept_key(self._tag_of(partition, self._state))
