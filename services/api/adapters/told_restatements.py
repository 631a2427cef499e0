"""Restatements, read from Redis in one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from services.api.adapters.live_reads import LiveReads
from shared.adapters.live_state import StateLayout
from shared.contracts import keys
from shared.contracts.restatements import decode_restatement
from shared.domain.restatements import Restatement


class RedisRestatements:
    """The read side of the restatements."""

    def __init__(self, redis: Redis) -> None:
        self._reads = LiveReads(redis)

    async def of(self, tenant: str, reps: Sequence[str], most: int) -> list[Restatement]:
        """The last ones of each rep. Raises: ScoreboardAway."""

        def ask(pipeline: Any, layout: StateLayout) -> None:  # noqa: ANN401 - see Ask
            for rep in reps:
                pipeline.lrange(keys.restatements_key(layout.scoreboard_tag(tenant, rep), tenant, rep), 0, most - 1)

        answers = await self._reads.ask(ask) if reps else None
        return [
            decode_restatement(rep, kept) for rep, found in zip(reps, answers or (), strict=False) for kept in found
        ]
