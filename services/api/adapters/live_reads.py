"""Several reads of the live state in one round trip, again if another state was put in its place meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.adapters.live_state import LiveState, StateLayout
from shared.adapters.scoreboard_reader import ScoreboardAway
from shared.contracts import keys

Ask: TypeAlias = Callable[[Any, StateLayout], None]
"""Puts commands into a pipeline (redis-py's pipelines of one server and of a cluster have no common type)."""


class LiveReads:
    """Asks the live state."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._live = LiveState(redis)

    async def ask(self, ask: Ask) -> list[Any] | None:
        """The answers, all of one state; None if no aggregator ever started. Raises: ScoreboardAway."""
        while True:
            try:
                layout = await self._live.layout()
                if not layout.facts:
                    return None
                pipeline = self._redis.pipeline(transaction=False)
                pipeline.hget(keys.LAYOUT, keys.STATE_FIELD)
                ask(pipeline, layout)
                name, *answers = await pipeline.execute()
            except (RedisError, OSError) as error:
                raise ScoreboardAway(str(error)) from error
            if self._live.is_still(layout, name):
                return answers
