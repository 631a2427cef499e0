"""How far the aggregator has come, read from Redis in one round trip."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.api.domain.pipeline import Following, Parked, PartitionState, PipelineState
from services.api.ports import LogEnds
from shared.adapters.live_state import LiveState, StateLayout
from shared.adapters.scoreboard_reader import ScoreboardAway
from shared.contracts import keys
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS
from shared.domain.clock import Clock
from shared.domain.facts import EPOCH_BITS, UNMAPPED_PREFIX
from shared.domain.instants import Micros

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
    """Marks, positions and sources of all partitions against the log's ends; facts that wait."""

    def __init__(self, redis: Redis, clock: Clock, ends: LogEnds | None = None) -> None:
        self._redis = redis
        self._live = LiveState(redis)
        self._clock = clock
        self._ends = ends
        self._last: PipelineState | None = None
        self._state = Remembered(self._read_state, STATE_SECONDS)
        self._parked = Remembered(self._read_parked, PARKED_SECONDS)

    async def state(self) -> PipelineState:
        """Raises: ScoreboardAway."""
        return await self._state.get()

    async def parked(self) -> Parked:
        """Raises: ScoreboardAway."""
        return await self._parked.get()

    async def _read_state(self) -> PipelineState:
        """The ledger before the scoreboard, each log's end before its positions: what both have is in the numbers."""
        layout, asked_at = await self._layout(), self._clock.now()
        ends = await self._end_of(CRM_EVENTS)
        tags = layout.ledger_tags()
        ledger = await self._positions("ledger", tags, layout, ends)
        sources = await self._ask([("hgetall", keys.sources_key(tag)) for tag in tags])
        ends = await self._end_of(KPI_FACTS)
        scoreboard = await self._positions("scoreboard", layout.scoreboard_tags(), layout, ends)
        found = PipelineState(
            partitions=(*ledger, *scoreboard),
            last_received=_latest(sources),
            asked_at=asked_at if layout.events else None,
            following=await self._following(layout),
        )
        self._last = found.after(self._last)
        return self._last

    async def _following(self, layout: StateLayout) -> Following:
        """The configuration in force before what each partition says of it: what is done by then is done of that."""
        wanted = [keys.CONFIGURATION_FIELD, keys.GENERATION_FIELD]
        stages = (layout.ledger_tags(), layout.scoreboard_tags())
        tags = [tag for some in stages for tag in some]
        (version, generation), *told = await self._ask(
            [("hmget", keys.LAYOUT, wanted), *(("get", keys.followed_key(tag)) for tag in tags)]
        )
        left = [_left(each, int(generation or 0)) for each in told]
        records, reps = left[: len(stages[0])], left[len(stages[0]) :]
        return Following(
            version=None if version is None else version.decode(),
            partitions=sum(each != 0 for each in left),
            records=sum(each or 0 for each in records),
            reps=sum(each or 0 for each in reps),
        )

    async def _end_of(self, topic: str) -> Mapping[int, int] | None:
        return None if self._ends is None else await self._ends.of(topic)

    async def _layout(self) -> StateLayout:
        try:
            return await self._live.layout()
        except (RedisError, OSError) as error:
            raise ScoreboardAway(str(error)) from error

    async def _positions(
        self, stage: str, tags: list[str], layout: StateLayout, ends: Mapping[int, int] | None
    ) -> list[PartitionState]:
        answers = iter(await self._ask([("get", key(tag)) for tag in tags for key in (keys.mark_key, keys.offset_key)]))
        found = []
        for partition in range(len(tags)):
            mark, position = next(answers), next(answers)
            end = None if ends is None else ends.get(partition, 0)
            missing = None if end is None else lag(layout, None if position is None else int(position), end)
            found.append(
                PartitionState(stage=stage, partition=partition, mark=None if mark is None else int(mark), lag=missing)
            )
        return found

    async def _read_parked(self) -> Parked:
        layout = await self._layout()
        scoreboard = layout.scoreboard_tags()
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
        incomplete = await self._read_incomplete(layout.ledger_tags())
        return Parked(unmapped=unmapped, unconverted=unconverted, incomplete=incomplete)

    async def _read_incomplete(self, ledger: list[str]) -> Counter[tuple[str, str, str, str]]:
        found: Counter[tuple[str, str, str, str]] = Counter()
        for hashed in await self._ask([("hgetall", keys.incomplete_key(tag)) for tag in ledger]):
            for name, records in hashed.items():
                tenant, source, record_type, field = name.decode().split("/", 3)
                found[tenant, source, record_type, field] += int(records)
        return found

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


def lag(layout: StateLayout, position: int | None, end: int) -> int:
    """Messages still to apply; a position of a log that is no more has applied nothing of this one."""
    begun = layout.epoch << EPOCH_BITS
    return end if position is None or position < begun else max(0, end - (position - begun))


def _left(told: bytes | None, generation: int) -> int | None:
    """What a partition has left to do for a generation of the configuration; None: it has not looked yet."""
    if told is None:
        return None
    followed, remaining = map(int, told.split())
    return remaining if followed >= generation else remaining or None


def _latest(sources: list[dict[bytes, bytes]]) -> dict[tuple[str, str], Micros]:
    last: dict[tuple[str, str], Micros] = {}
    for hashed in sources:
        for name, received_at in hashed.items():
            tenant, _, source = name.decode().partition("/")
            last[tenant, source] = max(last.get((tenant, source), 0), int(received_at))
    return last
