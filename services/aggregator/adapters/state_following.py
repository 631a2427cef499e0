"""Has a worker follow the live state: a rebuild puts another one in place while it runs.

A move is exact without any agreement among workers: use cases and stores belong to one state, chunks in work end in
the one they began in, and the fence of the new one decides where to go on. What a worker that has not noticed yet
still says carries the old state's name and counts for nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.aggregator.adapters.redis_scripts import as_transient
from shared.contracts import keys
from shared.contracts.topics import CRM_EVENTS
from shared.errors import TransientError

EVERY_SECONDS = 0.5
GENERATION = "generation"
log = structlog.get_logger()


class LaidOutAnew(TransientError):
    """Redis says other things of the deployment than when this worker started; only a new start takes them all up."""

    reason = "laid_out_anew"


class StateFollower:
    """Looks twice a second. ``laid_out``: the fields of LAYOUT that this worker was started with.

    ``generation``: the one that this worker has seen. ``move``: is called with the name of the state that became live.
    ``hold``: is told at each look which topics have to stand still: the ledgers', while a rebuild switches.
    """

    def __init__(
        self,
        redis: Redis,
        state: str,
        *,
        laid_out: Mapping[str, str],
        generation: Callable[[], int],
        move: Callable[[str], None],
        hold: Callable[[Collection[str]], None],
    ) -> None:
        self._redis = redis
        self._state = state
        self._laid_out = laid_out
        self._generation = generation
        self._move = move
        self._hold = hold

    async def run(self) -> None:
        """Follows for ever; while Redis is away all stays as it is. Raises: LaidOutAnew."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.look()
            except LaidOutAnew:
                raise
            except TransientError:
                continue

    async def look(self) -> None:
        """One look. Raises: LaidOutAnew, RedisAway."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.get(keys.HOLD)
        pipeline.hmget(keys.LAYOUT, [keys.STATE_FIELD, GENERATION, *self._laid_out])
        try:
            held, (name, generation, *found) = await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            raise as_transient(error) from error
        self._compare(generation, found)
        state = keys.state_named(name)
        if state != self._state:
            log.info("state_followed", before=self._state, now=state)
            self._state = state
            self._move(state)
        is_held = held is not None and keys.state_named(held) == state
        self._hold((CRM_EVENTS,) if is_held else ())

    def _compare(self, generation: bytes | None, found: list[Any]) -> None:
        stored = {name: value and value.decode() for name, value in zip(self._laid_out, found, strict=True)}
        if stored != self._laid_out:
            raise LaidOutAnew(f"the layout in Redis is now {stored}, it was {dict(self._laid_out)}: starting anew")
        if int(generation or 0) < self._generation():
            raise LaidOutAnew("Redis went back to an older configuration: starting anew")
