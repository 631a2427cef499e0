"""What is written down of a rebuild, so that an interrupted one goes on where it was, and that only one runs.

All keys lie in the slot of LAYOUT, so that one script can check the lease and switch.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import cast

import msgspec
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from cli.rebuild.refusals import TakenOver
from services.aggregator.adapters.redis_scripts import as_transient
from shared.contracts import keys
from shared.domain.instants import Micros

LEASE = timedelta(seconds=15)
KEEP_SECONDS, LOOK_SECONDS = 3.0, 0.2
_KEEP = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end redis.call('PEXPIRE', KEYS[1], ARGV[2]) return 1"
_LET_GO = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
_WRITE = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end redis.call('SET', KEYS[2], ARGV[2]) return 1"
_SWITCH = """
-- KEYS[1]: lease, KEYS[2]: layout. ARGV[1]: who holds the lease, ARGV[2]: JSON, the layout of the state to make live,
-- ARGV[3]: the version of the configuration that it was compared under, '' for none.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'taken over' end
if (redis.call('HGET', KEYS[2], 'configuration') or '') ~= ARGV[3] then return 'edited' end
for field, value in pairs(cjson.decode(ARGV[2])) do redis.call('HSET', KEYS[2], field, value) end
return 'switched'
"""


class Begun(Struct, frozen=True, kw_only=True):
    """A rebuild that has not ended.

    state: the new state's name. replaces: the live one's when it was begun. log: the fields of LAYOUT that name the
    log. starts: where each partition of it began. servers: the runs of Redis that hold the new state.
    """

    state: str
    replaces: str
    log: dict[str, str]
    starts: dict[int, int]
    servers: list[str]
    begun_at: Micros


def new_state_name() -> str:
    """Never used before: what was said of a state must not be taken for another's."""
    return f"r{secrets.token_hex(4)}"


class Journal:
    """One process's hold on the rebuild. Every method raises RedisAway; those that write, TakenOver too."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._token = secrets.token_hex(16)

    async def take(self) -> bool:
        """Whether nobody else rebuilds; from then on ``keep`` has to run."""
        return bool(await self._try(self._redis.set(keys.REBUILD_LEASE, self._token, px=LEASE, nx=True)))

    async def take_over(self) -> bool:
        """Waits for the lease of one that was killed; False as soon as somebody is seen to keep it."""
        left = await self._left()
        while not await self.take():
            await asyncio.sleep(LOOK_SECONDS)
            before, left = left, await self._left()
            if left > before:
                return False
        return True

    async def keep(self) -> None:
        """Keeps the lease for ever. Raises: TakenOver."""
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            await self.check()

    async def check(self) -> None:
        """Renews the lease. Raises: TakenOver."""
        milliseconds = str(int(LEASE.total_seconds() * 1000))
        if not await self._run(_KEEP, [keys.REBUILD_LEASE], [self._token, milliseconds]):
            raise TakenOver("another process rebuilds now, or Redis lost that we do")

    async def let_go(self) -> None:
        """The next one need not wait."""
        await self._run(_LET_GO, [keys.REBUILD_LEASE], [self._token])

    async def begun(self) -> Begun | None:
        """What was begun and has not ended."""
        packed = await self._try(self._redis.get(keys.REBUILD))
        return None if packed is None else msgspec.json.decode(cast("bytes", packed), type=Begun)

    async def write(self, begun: Begun) -> None:
        """Notes it, before anything is made."""
        packed = msgspec.json.encode(begun).decode()
        if not await self._run(_WRITE, [keys.REBUILD_LEASE, keys.REBUILD], [self._token, packed]):
            raise TakenOver("another process rebuilds now")

    async def forget(self) -> None:
        """It has ended, or is given up."""
        await self._try(self._redis.delete(keys.REBUILD))

    async def switch(self, layout: Mapping[str, str], *, configuration: str) -> bool:
        """Makes a state live, at one instant for everybody; False if the configuration was edited meanwhile."""
        answer = await self._run(
            _SWITCH, [keys.REBUILD_LEASE, keys.LAYOUT], [self._token, json.dumps(dict(layout)), configuration]
        )
        if answer == b"taken over":
            raise TakenOver("another process rebuilds now: nothing was switched")
        return bool(answer == b"switched")

    async def _left(self) -> int:
        """Milliseconds until the lease ends."""
        return int(cast("int", await self._try(self._redis.pttl(keys.REBUILD_LEASE))))

    async def _run(self, script: str, names: list[str], arguments: list[str]) -> object:
        return await self._try(self._redis.eval(script, len(names), *names, *arguments))

    @staticmethod
    async def _try(call: object) -> object:
        try:
            return await cast("Awaitable[object]", call)
        except (RedisError, OSError, TimeoutError) as error:
            raise as_transient(error) from error
