"""Which keys a state has: what there is to compare, and to remove."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import AsyncIterator

from msgspec import Struct, field
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.aggregator.adapters.redis_scripts import as_transient
from services.aggregator.domain.stored import RepRef
from shared.contracts import keys

AT_ONCE = 1_000
SCOREBOARD_KEYS = "pacer*:{s*}:?:*"
_SCOREBOARD = re.compile(r"pacer(?:/([^:]*))?:\{s\d+\}:([cxp]):(.*)", re.DOTALL)
_OF_STATE = re.compile(r"pacer(?:/([^:]*))?:(?:\{[ls]\d+\}|poison):")
STATE_KEYS = ("pacer*:{[ls]*}:*", "pacer*:poison:*")


class Held(Struct):
    """What a state has of reps and other subjects: cells, distinct values by (definition, cell), pages by name."""

    cells: set[RepRef] = field(default_factory=set)
    values: defaultdict[RepRef, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    pages: defaultdict[RepRef, set[str]] = field(default_factory=lambda: defaultdict(set))

    def take(self, kind: str, name: str) -> None:
        """Notes a key by its kind and what follows."""
        if kind == "c":
            tenant, _, rep = name.partition("/")
            self.cells.add((tenant, rep))
        elif kind == "p":
            subject, _, page = name.rpartition("/")
            tenant, _, rep = subject.partition("/")
            self.pages[tenant, rep].add(page)
        else:
            tenant, rep, rest = name.split("/", 2)
            definition, _, cell = rest.rpartition("/")
            self.values[tenant, rep].add((definition, cell))


async def held(redis: Redis, *states: str) -> dict[str, Held]:
    """What each of some states has, in one pass over the keys. Raises: RedisAway."""
    found = {state: Held() for state in states}
    async for key in _scan(redis, SCOREBOARD_KEYS):
        match = _SCOREBOARD.fullmatch(key.decode())
        if match is not None and (match[1] or keys.FIRST_STATE) in found:
            found[match[1] or keys.FIRST_STATE].take(match[2], match[3])
    return found


async def remove_states(redis: Redis, *, but: frozenset[str]) -> int:
    """Removes every state's keys but those of some; how many they were. Raises: RedisAway."""
    gone: list[bytes] = []
    removed = 0
    for pattern in STATE_KEYS:
        async for key in _scan(redis, pattern):
            match = _OF_STATE.match(key.decode(errors="replace"))
            if match is not None and (match[1] or keys.FIRST_STATE) not in but:
                gone.append(key)
            if len(gone) >= AT_ONCE:
                removed += await _unlink(redis, gone)
                gone.clear()
    return removed + await _unlink(redis, gone)


async def _unlink(redis: Redis, names: list[bytes]) -> int:
    pipeline = redis.pipeline(transaction=False)
    for name in names:
        pipeline.execute_command("UNLINK", name)  # a cluster's pipeline has no unlink of its own
    try:
        return sum(await pipeline.execute()) if names else 0
    except (RedisError, OSError, TimeoutError) as error:
        raise as_transient(error) from error


async def _scan(redis: Redis, pattern: str) -> AsyncIterator[bytes]:
    try:
        async for key in redis.scan_iter(match=pattern, count=AT_ONCE):
            yield key
    except (RedisError, OSError, TimeoutError) as error:
        raise as_transient(error) from error
