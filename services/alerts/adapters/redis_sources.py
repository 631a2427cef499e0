"""When each source last spoke, from what the ledger's partitions have noted."""

from __future__ import annotations

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.adapters.live_state import LiveState
from shared.adapters.scoreboard_reader import ScoreboardAway
from shared.contracts import keys
from shared.domain.instants import Micros


class RedisSources:
    """See the port."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._live = LiveState(redis)

    async def last_received(self, tenant: str) -> dict[str, Micros]:
        """See the port."""
        try:
            layout = await self._live.layout()
            pipeline = self._redis.pipeline(transaction=False)
            for tag in layout.ledger_tags():
                pipeline.hgetall(keys.sources_key(tag))
            answers = await pipeline.execute()
        except (RedisError, OSError) as error:
            raise ScoreboardAway(str(error)) from error
        found: dict[str, Micros] = {}
        for noted in answers:
            for name, received_at in noted.items():
                owner, _, source = name.decode().partition("/")
                if owner == tenant:
                    found[source] = max(found.get(source, 0), int(received_at))
        return found
