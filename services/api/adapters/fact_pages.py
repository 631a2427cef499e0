"""The facts of a rep's pages, read from Redis in one round trip."""

from __future__ import annotations

from collections.abc import Iterable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.adapters.live_state import LiveState
from shared.adapters.scoreboard_reader import ScoreboardAway
from shared.contracts import keys
from shared.contracts.messages import decode_entry
from shared.domain.facts import PageEntry


class RedisPages:
    """The read side of the pages."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._live = LiveState(redis)

    async def entries(self, tenant: str, rep: str, pages: Iterable[str]) -> list[PageEntry]:
        """What the pages hold, withdrawals included. Raises: ScoreboardAway."""
        names = list(pages)
        while names:
            try:
                layout = await self._live.layout()
                if not layout.facts:  # no aggregator ever started
                    break
                tag, pipeline = layout.scoreboard_tag(tenant, rep), self._redis.pipeline(transaction=False)
                pipeline.hget(keys.LAYOUT, keys.STATE_FIELD)
                for page in names:
                    pipeline.hvals(keys.page_key(tag, tenant, rep, page))
                name, *answers = await pipeline.execute()
            except (RedisError, OSError) as error:
                raise ScoreboardAway(str(error)) from error
            if self._live.is_still(layout, name):
                return [decode_entry(packed) for page in answers for packed in page]
        return []
