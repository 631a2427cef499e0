"""How far the aggregator has come, read from Redis in one round trip."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.api.domain.pipeline import Parked, PartitionState, PipelineState
from shared.adapters.scoreboard_reader import ScoreboardAway
from shared.contracts import keys
from shared.domain.facts import UNMAPPED_PREFIX

STATE_SECONDS = 0.5
PARKED_SECONDS = 5.0
T = TypeVar("T")


class Remembered(Generic[T]):
    """A value that is read again after some time, by one asker for all that wait."""

    def __init__(self, read: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._read = read
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._kept: tuple[float, T] | None = None

    async def get(self) -> T:
        """The value, at most so many seconds old."""
        async with self._lock:
            started = time.monotonic()
            if self._kept is None or started - self._kept[0] > self._seconds:
                self._kept = (started, await self._read())
            return self._kept[1]


class RedisPipeline:
    """Marks, offsets and sources of all partitions; facts that wait."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._state = Remembered(self._read_state, STATE_SECONDS)
        self._parked = Remembered(self._read_parked, PARKED_SECONDS)

    async def state(self) -> PipelineState:
        """Raises: ScoreboardAway."""
        return await self._state.get()

    async def parked(self) -> Parked:
        """Raises: ScoreboardAway."""
        return await self._parked.get()

    async def _tags(self) -> tuple[list[str], list[str]]:
        """Prefixes of the ledger's and the scoreboard's partitions; none before the aggregator ever started."""
        (layout,) = await self._ask([("hmget", keys.LAYOUT, ["events_partitions", "facts_partitions"])])
        events, facts = (int(count or 0) for count in layout)
        return [keys.ledger_tag(n) for n in range(events)], [keys.scoreboard_tag(n) for n in range(facts)]

    async def _read_state(self) -> PipelineState:
        ledger, scoreboard = await self._tags()
        calls = [(name, key(tag)) for tag in ledger + scoreboard for name, key in _POSITION]
        answers = await self._ask([*calls, *(("hgetall", keys.sources_key(tag)) for tag in ledger)])
        positions, sources = answers[: len(calls)], answers[len(calls) :]
        stages = [("ledger", n) for n in range(len(ledger))] + [("scoreboard", n) for n in range(len(scoreboard))]
        partitions = [
            PartitionState(stage=stage, partition=n, mark=_int(positions[2 * i]), offset=_int(positions[2 * i + 1]))
            for i, (stage, n) in enumerate(stages)
        ]
        last: dict[tuple[str, str], int] = {}
        for hashed in sources:
            for name, received_at in hashed.items():
                tenant, _, source = name.decode().partition("/")
                last[tenant, source] = max(last.get((tenant, source), 0), int(received_at))
        return PipelineState(partitions=tuple(partitions), last_received=last)

    async def _read_parked(self) -> Parked:
        _, scoreboard = await self._tags()
        unmapped: Counter[tuple[str, str, str]] = Counter()
        unconverted: Counter[tuple[str, str]] = Counter()
        for hashed in await self._ask([("hgetall", keys.unmapped_key(tag)) for tag in scoreboard]):
            for name, facts in hashed.items():
                tenant, _, subject = name.decode().partition("/")
                source, _, owner = subject.removeprefix(UNMAPPED_PREFIX).partition("/")
                unmapped[tenant, source, owner] += int(facts)
        for hashed in await self._ask([("hgetall", keys.unconverted_key(tag)) for tag in scoreboard]):
            for name, currency in hashed.items():
                unconverted[name.decode().partition("/")[0], currency.decode()] += 1
        return Parked(unmapped=unmapped, unconverted=unconverted)

    async def _ask(self, calls: list[tuple[Any, ...]]) -> list[Any]:
        """Several reads in one round trip. Raises: ScoreboardAway."""
        if not calls:
            return []
        pipeline = self._redis.pipeline(transaction=False)
        for name, *arguments in calls:
            getattr(pipeline, name)(*arguments)
        try:
            return list(await pipeline.execute())
        except (RedisError, OSError) as error:
            raise ScoreboardAway(str(error)) from error


_POSITION = (("get", keys.mark_key), ("get", keys.offset_key))


def _int(raw: bytes | None) -> int | None:
    return None if raw is None else int(raw)
