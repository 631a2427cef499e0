"""How far the partitions of a state are, as Redis has it; and where those of a new one begin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.aggregator.adapters.redis_scripts import Script, as_transient
from shared.adapters.live_state import StateLayout
from shared.contracts import keys
from shared.domain.facts import EPOCH_BITS

HANDED_EPOCH = 1 << 12
"""While a state is made, its scoreboards count what was handed to them from here on: no log ever gets so far, so that
whoever still hands something over after the switch is refused at the fence."""
HANDED = HANDED_EPOCH << EPOCH_BITS


class Positions:
    """The stored positions of one state. Every method raises RedisAway."""

    def __init__(self, redis: Redis, layout: StateLayout) -> None:
        self._redis = redis
        self._layout = layout
        self._begin = Script(redis, "begin_log")

    async def ledgers(self) -> dict[int, int | None]:
        """Next offsets in crm.events by partition; None for none, or one of a log before this one."""
        return self._offsets(await self._read(self._layout.ledger_tags()))

    async def scoreboards(self) -> dict[int, int | None]:
        """Next offsets in kpi.facts by partition; None as above."""
        return self._offsets(await self._read(self._layout.scoreboard_tags()))

    async def handed(self, partition: int) -> int | None:
        """How much was handed to a scoreboard partition; None if it is not being made."""
        (stored,) = await self._read([keys.scoreboard_tag(partition, self._layout.name)])
        return None if stored is None or stored < HANDED else stored - HANDED

    async def begin_ledgers(self, starts: Mapping[int, int]) -> None:
        """Lets the ledgers begin where the log does, unless they have begun."""
        first = self._layout.epoch << EPOCH_BITS
        for partition, start in starts.items():
            key = keys.offset_key(keys.ledger_tag(partition, self._layout.name))
            await self._begin([key], [first + start, first])

    async def begin_scoreboards(self) -> None:
        """Lets the scoreboards count what is handed over, unless they do; also after ``place_scoreboards``."""
        for tag in self._layout.scoreboard_tags():
            await self._begin([keys.offset_key(tag)], [HANDED, HANDED])

    async def place_scoreboards(self, ends: Mapping[int, int]) -> None:
        """Lets the scoreboards go on at offsets of kpi.facts: the last thing before the switch."""
        pipeline = self._redis.pipeline(transaction=False)
        for partition, end in ends.items():
            tag = keys.scoreboard_tag(partition, self._layout.name)
            pipeline.set(keys.offset_key(tag), (self._layout.epoch << EPOCH_BITS) + end)
        try:
            await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            raise as_transient(error) from error

    def _offsets(self, stored: Iterable[int | None]) -> dict[int, int | None]:
        first = self._layout.epoch << EPOCH_BITS
        return {
            number: None if position is None or position < first or position >= HANDED else position - first
            for number, position in enumerate(stored)
        }

    async def _read(self, tags: Iterable[str]) -> list[int | None]:
        pipeline = self._redis.pipeline(transaction=False)
        for tag in tags:
            pipeline.get(keys.offset_key(tag))
        try:
            answers = await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            raise as_transient(error) from error
        return [None if answer is None else int(answer) for answer in answers]
