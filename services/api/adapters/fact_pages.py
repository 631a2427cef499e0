"""The facts of a rep's pages, read from Redis in one round trip."""

from __future__ import annotations

from collections.abc import Iterable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.adapters.scoreboard_reader import ScoreboardAway, ScoreboardReader
from shared.contracts import keys
from shared.contracts.messages import decode_entry
from shared.domain.facts import PageEntry


class RedisPages:
    """The read side of the pages."""

    def __init__(self, redis: Redis, scoreboard: ScoreboardReader) -> None:
        self._redis = redis
        self._scoreboard = scoreboard

    async def entries(self, tenant: str, rep: str, pages: Iterable[str]) -> list[PageEntry]:
        """What the pages hold, withdrawals included. Raises: ScoreboardAway."""
        partitions = await self._scoreboard.partitions()
        if partitions is None:
            return []
        tag = keys.scoreboard_tag(keys.scoreboard_partition(tenant, rep, partitions))
        pipeline = self._redis.pipeline(transaction=False)
        for page in pages:
            pipeline.hvals(keys.page_key(tag, tenant, rep, page))
        try:
            answers = await pipeline.execute()
        except (RedisError, OSError) as error:
            raise ScoreboardAway(str(error)) from error
        return [decode_entry(packed) for page in answers for packed in page]
