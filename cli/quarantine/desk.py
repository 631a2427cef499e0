"""What the commands do with the topics and the state: read all, ask for retries, wait for what comes of them."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from msgspec import Struct

from services.api.adapters.pipeline_state import RedisPipeline
from services.api.domain.pipeline import Parked
from shared.adapters.quarantine_topic import QuarantineBodies, QuarantineReader, ask_for_retries, reading_quarantine
from shared.adapters.redis_client import open_redis
from shared.adapters.system_clock import SystemClock
from shared.contracts.messages import Quarantined
from shared.contracts.quarantine import requests
from shared.domain.quarantine import Entry, QuarantineIndex, Retried
from shared.settings import KafkaSettings, RedisSettings

MOST = 2_000_000
"""Entries in memory while a command runs: what the topic holds, for all purposes."""
POLL_MS = 200


class Came(Struct, frozen=True):
    """What came of a retry: the resolutions that arrived by entry, and the entries that nobody answered for."""

    resolved: dict[str, Retried]
    unanswered: tuple[str, ...]


class Desk:
    """A quarantine that was read to its end."""

    def __init__(self, settings: KafkaSettings, reader: QuarantineReader) -> None:
        self._settings = settings
        self._reader = reader

    @property
    def index(self) -> QuarantineIndex:
        """All that there is."""
        return self._reader.index

    async def body(self, entry: Entry) -> Quarantined | None:
        """The entry whole; None where retention has taken it. Raises: KafkaAway."""
        return (await QuarantineBodies(self._settings).read([entry.place])).get(entry.place)

    async def retry(self, entries: Sequence[Entry], *, by: str, patience_seconds: float) -> Came:
        """Asks, and waits while answers arrive at least each ``patience_seconds``. Raises: KafkaAway, KafkaError."""
        retry = f"rt_{secrets.token_hex(8)}"
        asked = list(requests(entries, retry=retry, by=by, at=SystemClock().now()))
        await ask_for_retries(self._settings, asked)
        missing = {entry.head.id for entry in entries}
        resolved: dict[str, Retried] = {}
        deadline = time.monotonic() + patience_seconds
        while missing and time.monotonic() < deadline:
            await self._reader.take(timeout_ms=POLL_MS)
            arrived = {entry_id: last for entry_id in missing if (last := self._last(entry_id, retry)) is not None}
            if arrived:
                resolved |= arrived
                missing -= arrived.keys()
                deadline = time.monotonic() + patience_seconds
        return Came(resolved, tuple(sorted(missing)))

    def _last(self, entry_id: str, retry: str) -> Retried | None:
        entry = self.index.get(entry_id)
        last = entry.last if entry is not None else None
        return last if last is not None and last.retry == retry else None


@asynccontextmanager
async def open_desk(settings: KafkaSettings) -> AsyncIterator[Desk]:
    """Raises: KafkaAway, KafkaError."""
    async with reading_quarantine(settings, QuarantineIndex(MOST)) as reader:
        await reader.catch_up()
        yield Desk(settings, reader)


async def parked_facts(settings: RedisSettings) -> Parked:
    """Facts that wait for an identity or a rate. Raises: ScoreboardAway."""
    async with open_redis(settings) as redis:
        return await RedisPipeline(redis, SystemClock()).parked()
