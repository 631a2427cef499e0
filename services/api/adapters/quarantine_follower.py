"""Follows crm.quarantine into an index in memory, rebuilt at each start; bodies stay in the topic."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta

import structlog
from aiokafka.errors import KafkaError

from services.api.metrics import ApiMetrics
from services.api.ports import QuarantineLoading
from shared.adapters.kafka_topics import KafkaAway, ensure_topics
from shared.adapters.quarantine_topic import QuarantineBodies, QuarantineReader, ask_for_retries, reading_quarantine
from shared.contracts.messages import Quarantined
from shared.contracts.quarantine import RetryAsked
from shared.contracts.topics import TOPICS
from shared.domain.quarantine import Entry, Place, QuarantineIndex
from shared.settings import KafkaSettings

POLL_MS = 500
RETRY_SECONDS = 1.0
EXPIRY_SECONDS = 600.0
"""Retention works in hours and more: what it took is forgotten this often."""
WAIT_SECONDS = 5.0
"""A retry that takes longer is told as asked for: nobody ingests, or much is to be tried again."""
LOOK_SECONDS = 0.05
log = structlog.get_logger()


class KafkaQuarantine:
    """The Quarantine port. ``run`` must be running; ``most`` bounds what the index holds."""

    def __init__(self, settings: KafkaSettings, metrics: ApiMetrics, *, most: int, retention: timedelta) -> None:
        self._settings = settings
        self._metrics = metrics
        self._most = most
        self._retention = retention
        self._bodies = QuarantineBodies(settings)
        self._index: QuarantineIndex | None = None

    @property
    def index(self) -> QuarantineIndex:
        """See the port."""
        if self._index is None:
            raise QuarantineLoading("the quarantine is still being read")
        return self._index

    async def body(self, place: Place) -> Quarantined | None:
        """See the port."""
        return (await self._bodies.read([place])).get(place)

    async def ask(self, asked: Sequence[RetryAsked]) -> None:
        """See the port."""
        if asked:
            await ask_for_retries(self._settings, asked)

    async def resolved(self, entry_id: str, retry: str) -> Entry | None:
        """See the port."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            entry = self._index.get(entry_id) if self._index else None
            if entry is not None and entry.last is not None and entry.last.retry == retry:
                return entry
            await asyncio.sleep(LOOK_SECONDS)
        return None

    async def run(self) -> None:
        """Never returns; what Kafka does to it is logged and tried again, and what was known stays shown meanwhile."""
        while True:
            try:
                await ensure_topics(
                    self._settings.bootstrap_servers,
                    TOPICS,
                    partitions=self._settings.partitions,
                    retention=self._retention,
                )
                async with reading_quarantine(self._settings, QuarantineIndex(self._most)) as reader:
                    await self._follow(reader)
            except (KafkaError, KafkaAway, OSError) as error:
                log.warning("quarantine_not_followed", error=repr(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, reader: QuarantineReader) -> None:
        await reader.catch_up()
        self._index = reader.index
        expire_at = 0.0
        while True:
            if time.monotonic() >= expire_at:
                await reader.forget_expired()
                expire_at = time.monotonic() + EXPIRY_SECONDS
            self._metrics.show_waiting(reader.index.counts(lambda _: True))
            await reader.take(timeout_ms=POLL_MS)
