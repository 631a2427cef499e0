"""Puts the new state in the place of the live one: at one instant for every reader, and so that no version, mark or
change that was still to be told goes back or is lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from cli.rebuild.comparing import Comparing
from cli.rebuild.positions import Positions
from services.aggregator.adapters.redis_scripts import Script, as_transient
from shared.adapters.live_state import StateLayout
from shared.contracts import keys

HOLD_SECONDS = 20.0
"""Well below the 30 s after which a worker's watchdog ends it for applying nothing."""
STILL_SECONDS = 1.3
"""Two looks of a worker at what it has to hold, and the chunk that was in work."""
PATIENCE_SECONDS = 6.0
LOOK_SECONDS = 0.1
COPIED_AT_ONCE = 2_000


async def hold_still(redis: Redis, live: StateLayout, positions: Positions) -> None:
    """Has the live state's ledgers stand still; returns when they do, or go on regardless. Raises: RedisAway."""
    try:
        await redis.set(keys.HOLD, live.name, px=int(HOLD_SECONDS * 1000))
    except (RedisError, OSError, TimeoutError) as error:
        raise as_transient(error) from error
    began = since = time.monotonic()
    last = await positions.ledgers()
    while (now := time.monotonic()) - since < STILL_SECONDS and now - began < PATIENCE_SECONDS:
        await asyncio.sleep(LOOK_SECONDS)
        found = await positions.ledgers()
        if found != last:
            last, since = found, time.monotonic()


async def let_go(redis: Redis) -> None:
    """All goes on. Raises: RedisAway."""
    try:
        await redis.delete(keys.HOLD)
    except (RedisError, OSError, TimeoutError) as error:
        raise as_transient(error) from error


async def worked_off(positions: Positions, ends: Mapping[int, int]) -> int:
    """Waits until the live scoreboards have worked off kpi.facts; how much they have not. Raises: RedisAway."""
    began, since, last = time.monotonic(), time.monotonic(), -1
    while True:
        missing = sum(max(0, ends[number] - (at or 0)) for number, at in (await positions.scoreboards()).items())
        now = time.monotonic()
        if missing != last:
            last, since = missing, now
        if not missing or now - since > STILL_SECONDS or now - began > PATIENCE_SECONDS:
            return missing
        await asyncio.sleep(LOOK_SECONDS)


class CarryingOver:
    """Gives the new state what the live one has promised its readers. Every method raises TransientError."""

    def __init__(self, redis: Redis, comparing: Comparing) -> None:
        self._redis = redis
        self._comparing = comparing
        self._live, self._rebuilt = comparing.live.layout, comparing.rebuilt.layout
        self._copy = Script(redis, "copy_keys")

    async def versions(self) -> None:
        """A version rises with every change of a reading, and stays where nothing changed."""
        differing, found = self._comparing.differing, await self._comparing.versions()
        pipeline = self._redis.pipeline(transaction=False)
        for ref, (live, rebuilt) in found.items():
            version = carried_version(live, rebuilt, differs=ref in differing)
            if version != rebuilt:
                pipeline.hset(self._comparing.rebuilt.cells_key(ref), keys.VERSION_FIELD, version)
        await self._execute(pipeline)

    async def retained(self) -> None:
        """What is gone from the live state for its age reads as gone in the new one, until a sweep takes it away."""
        refs = self._comparing.reps
        pipeline = self._redis.pipeline(transaction=False)
        for ref, day in zip(refs, await self._comparing.live.retained(refs), strict=True):
            if day:
                pipeline.hset(self._comparing.rebuilt.cells_key(ref), keys.RETAINED_FIELD, day)
        await self._execute(pipeline)

    async def changed(self) -> None:
        """Who has to be told: those who differ, and whom the live state had not told yet."""
        pipeline = self._redis.pipeline(transaction=False)
        for tag in self._live.scoreboard_tags():
            pipeline.smembers(keys.changed_key(tag))
        untold = {member.decode() for members in await self._execute(pipeline) for member in members}
        wanted = untold | {"/".join(ref) for ref in self._comparing.differing}
        pipeline = self._redis.pipeline(transaction=False)
        for tag, members in self._by_tag(wanted).items():
            pipeline.delete(keys.changed_key(tag))
            if members:
                pipeline.sadd(keys.changed_key(tag), *members)
        await self._execute(pipeline)

    async def marks(self) -> None:
        """What the live state has applied, the new one has too: it is as far in the log."""
        for live, rebuilt in (
            (self._live.ledger_tags(), self._rebuilt.ledger_tags()),
            (self._live.scoreboard_tags(), self._rebuilt.scoreboard_tags()),
        ):
            pipeline = self._redis.pipeline(transaction=False)
            for tag in (*live, *rebuilt):
                pipeline.get(keys.mark_key(tag))
            marks = [int(mark or 0) for mark in await self._execute(pipeline)]
            pipeline = self._redis.pipeline(transaction=False)
            for tag, promised, own in zip(rebuilt, marks, marks[len(live) :], strict=False):
                if promised > own:
                    pipeline.set(keys.mark_key(tag), promised)
            await self._execute(pipeline)

    async def told(self) -> None:
        """What people were told of corrections, and when old pages were swept: as it was, a rebuild is none of it."""
        pairs: dict[str, list[str]] = {}
        for live, rebuilt in zip(self._live.ledger_tags(), self._rebuilt.ledger_tags(), strict=True):
            pairs[rebuilt] = [keys.swept_key(live), keys.swept_key(rebuilt)]
        for live, rebuilt in zip(self._live.scoreboard_tags(), self._rebuilt.scoreboard_tags(), strict=True):
            kept = (keys.swept_key, keys.marked_key)
            pairs[rebuilt] = [key(tag) for key in kept for tag in (live, rebuilt)]
        for ref in self._comparing.live.has.cells:
            tags = self._live.scoreboard_tag(*ref), self._rebuilt.scoreboard_tag(*ref)
            of_rep = (keys.marks_key, keys.marked_values_key, keys.restatements_key)
            pairs[tags[1]] += [key(tag, *ref) for key in of_rep for tag in tags]
        for touched in pairs.values():
            for start in range(0, len(touched), COPIED_AT_ONCE):
                await self._copy(touched[start : start + COPIED_AT_ONCE], [])

    async def sources(self) -> None:
        """When each source last spoke, if the log no longer tells."""
        for live, rebuilt in zip(self._live.ledger_tags(), self._rebuilt.ledger_tags(), strict=False):
            pipeline = self._redis.pipeline(transaction=False)
            for tag in (live, rebuilt):
                pipeline.hgetall(keys.sources_key(tag))
            spoke, told = await self._execute(pipeline)
            later = {name: at for name, at in spoke.items() if int(at) > int(told.get(name, 0))}
            if later:
                pipeline = self._redis.pipeline(transaction=False)
                pipeline.hset(keys.sources_key(rebuilt), mapping=later)
                await self._execute(pipeline)

    def _by_tag(self, members: Iterable[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {tag: [] for tag in self._rebuilt.scoreboard_tags()}
        for member in members:
            tenant, _, rep = member.partition("/")
            found[self._rebuilt.scoreboard_tag(tenant, rep)].append(member)
        return found

    @staticmethod
    async def _execute(pipeline: Any) -> list[Any]:  # noqa: ANN401 - redis-py's, of one server or a cluster
        try:
            return list(await pipeline.execute())
        except (RedisError, OSError, TimeoutError) as error:
            raise as_transient(error) from error


def carried_version(live: int, rebuilt: int, *, differs: bool) -> int:
    """A rep's version in the new state: the one that readers know, and one more if her numbers are others."""
    return live + differs if live else rebuilt
