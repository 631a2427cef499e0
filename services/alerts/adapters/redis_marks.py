"""How far the numbers are, from the marks that the aggregator's partitions set."""

from __future__ import annotations

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.adapters.live_state import LiveState
from shared.adapters.scoreboard_reader import ScoreboardAway
from shared.contracts import keys
from shared.domain.instants import Micros


class RedisMarks:
    """See the port."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._live = LiveState(redis)

    async def read(self) -> list[Micros]:
        """See the port. Empty where no aggregator has laid out its state."""
        try:
            layout = await self._live.layout()
            pipeline = self._redis.pipeline(transaction=False)
            for tag in (*layout.ledger_tags(), *layout.scoreboard_tags()):
                pipeline.get(keys.mark_key(tag))
            return [int(mark or 0) for mark in await pipeline.execute()]
        except (RedisError, OSError) as error:
            raise ScoreboardAway(str(error)) from error
