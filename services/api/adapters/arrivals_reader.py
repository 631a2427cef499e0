"""What sources sent hour by hour, as the ledger counted it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.api.domain.source_rhythm import HourlyCounts
from shared.adapters.live_state import LiveState, StateLayout
from shared.adapters.scoreboard_reader import ScoreboardAway
from shared.contracts import keys
from shared.domain.clock import Clock
from shared.domain.instants import DAY_US

FRESH_SECONDS = 5.0
SETTLED_SECONDS = 600.0
"""Of days before yesterday: only a replay of the log adds to them."""
Counts = dict[str, int]
"""``tenant/source/hour``, with REPEATED or without -> count."""


class RedisArrivals:
    """The Arrivals port. What was read is kept for a while, by state and day."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis = redis
        self._live = LiveState(redis)
        self._clock = clock
        self._kept: dict[tuple[str, int], tuple[float, Counts]] = {}

    async def of(self, days: Collection[int]) -> Mapping[tuple[str, str], HourlyCounts]:
        """See the port. Raises: ScoreboardAway."""
        try:
            layout = await self._live.layout()
            counted = {day: await self._day(layout, day) for day in sorted(days)}
        except (RedisError, OSError) as error:
            raise ScoreboardAway(str(error)) from error
        self._kept = {place: kept for place, kept in self._kept.items() if place[1] in counted}
        return _by_source(counted.items())

    async def _day(self, layout: StateLayout, day: int) -> Counts:
        is_settled = day < self._clock.now() // DAY_US - 1
        read_at, known = self._kept.get((layout.name, day), (0.0, None))
        now = time.monotonic()
        if known is not None and now - read_at < (SETTLED_SECONDS if is_settled else FRESH_SECONDS):
            return known
        pipeline = self._redis.pipeline(transaction=False)
        for tag in layout.ledger_tags():
            pipeline.hgetall(keys.arrivals_key(tag, day))
        counts: Counts = defaultdict(int)
        for hashed in await pipeline.execute() if layout.events else ():
            for field, count in hashed.items():
                counts[field.decode()] += int(count)
        self._kept[layout.name, day] = (now, counts)
        return counts


def _by_source(counted: Iterable[tuple[int, Counts]]) -> dict[tuple[str, str], HourlyCounts]:
    found: dict[tuple[str, str], tuple[dict[int, int], dict[int, int]]] = defaultdict(lambda: ({}, {}))
    for day, counts in counted:
        for field, count in counts.items():
            tenant, source, hour = field.removesuffix(keys.REPEATED).split("/")
            received, repeated = found[tenant, source]
            (repeated if field.endswith(keys.REPEATED) else received)[day * 24 + int(hour)] = count
    return {source: HourlyCounts(*both) for source, both in found.items()}
