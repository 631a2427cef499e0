"""Which state is live, and how it is laid out: the one place where readers learn it.

A rebuild puts another state in place while readers run. What a reader was told is at most half a second old, and a
state that is no longer live stays readable for much longer than that.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct
from redis.asyncio import Redis

from shared.contracts import keys

KNOWN_SECONDS = 0.5
_FIELDS = (keys.STATE_FIELD, "events_partitions", "facts_partitions", "log_epoch")


class StateLayout(Struct, frozen=True):
    """A state's name, partitions of its two stages and log epoch; zeros before an aggregator ever started."""

    name: str = keys.FIRST_STATE
    events: int = 0
    facts: int = 0
    epoch: int = 0

    def ledger_tags(self) -> list[str]:
        """Prefixes of the ledger's partitions."""
        return [keys.ledger_tag(number, self.name) for number in range(self.events)]

    def scoreboard_tags(self) -> list[str]:
        """Prefixes of the scoreboard's partitions."""
        return [keys.scoreboard_tag(number, self.name) for number in range(self.facts)]

    def scoreboard_tag(self, tenant: str, subject: str) -> str:
        """Prefix of the partition that owns a subject. Only where there is a layout."""
        return keys.scoreboard_tag(keys.scoreboard_partition(tenant, subject, self.facts), self.name)


class LiveState:
    """Reads the layout of the live state; every method raises RedisError and OSError."""

    def __init__(self, redis: Redis, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._monotonic = monotonic
        self._known: tuple[float, StateLayout] | None = None

    async def layout(self) -> StateLayout:
        """As it was at most half a second ago."""
        asked_at = self._monotonic()
        if self._known is None or asked_at - self._known[0] > KNOWN_SECONDS:
            state, *numbers = await self._redis.hmget(keys.LAYOUT, _FIELDS)
            found = StateLayout(keys.state_named(state), *(int(number or 0) for number in numbers))
            self._known = (asked_at, found) if found.facts else None
            return found
        return self._known[1]

    def is_still(self, layout: StateLayout, name: bytes | None) -> bool:
        """Whether a layout is that of the state named in STATE_FIELD; if not, the next one asked for is read anew."""
        if keys.state_named(name) == layout.name:
            return True
        self._known = None
        return False


class OneState:
    """A state by its layout, whether it is live or not."""

    def __init__(self, layout: StateLayout) -> None:
        self._layout = layout

    async def layout(self) -> StateLayout:
        """Always the same."""
        return self._layout

    def is_still(self, layout: StateLayout, name: bytes | None) -> bool:  # noqa: ARG002 - as LiveState's
        """Whatever is live."""
        return True
