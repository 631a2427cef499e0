"""Follows crm.enrichments, for each source as a group of its own: an API that is away holds up no other source.

What is worked off is committed afterwards, so that an ask outlives the ingest that began it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError

from services.ingest.adapters.enrichment_messages import decode_ask
from services.ingest.domain.enrichment import Ask
from services.ingest.enriching import Enriching
from shared.adapters.kafka_topics import KafkaAway, ensure_topics
from shared.contracts.topics import CRM_ENRICHMENTS, TOPICS
from shared.errors import TransientError
from shared.settings import KafkaSettings

GROUP = "pacer.enrichments"
BATCH = 100
"""Asks that are read at once; those of one record among them become one request."""
POLL_MS = 1000
RETRY_SECONDS = 1.0
SESSION_TIMEOUT_MS = 10_000
LONGEST_BATCH_MS = 86_400_000
"""An API that is away for hours must not cost the consumer its place in the group."""
LEAVE_SECONDS = 1.0
log = structlog.get_logger()


class EnrichmentFollower:
    """Hands asks to the use case for as long as the service runs. ``retention`` is for topics that are missing."""

    def __init__(self, settings: KafkaSettings, enriching: Enriching, *, retention: timedelta) -> None:
        self._settings = settings
        self._enriching = enriching
        self._retention = retention

    async def run(self) -> None:
        """Never returns; follows for the sources of now, as the configuration has them."""
        tasks: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                for source in self._enriching.sources - tasks.keys():
                    tasks[source] = asyncio.create_task(self._follow_source(source))
                for source in [one for one in tasks if one not in self._enriching.sources or tasks[one].done()]:
                    task = tasks.pop(source)
                    if task.done():
                        task.result()  # what ends a follower is a bug, and must not go unnoticed
                    task.cancel()
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def _follow_source(self, source: str) -> None:
        """Never returns; what Kafka does to it is logged and tried again: webhooks must not wait for it."""
        while True:
            try:
                await self._follow(source)
            except (KafkaError, KafkaAway, OSError) as error:
                log.warning("enrichments_not_followed", source=source, error=repr(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, source: str) -> None:
        await ensure_topics(
            self._settings.bootstrap_servers, TOPICS, partitions=self._settings.partitions, retention=self._retention
        )
        consumer = AIOKafkaConsumer(
            CRM_ENRICHMENTS,
            bootstrap_servers=self._settings.bootstrap_servers,
            group_id=f"{GROUP}.{source}",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            max_poll_interval_ms=LONGEST_BATCH_MS,
        )
        try:
            await consumer.start()
            while True:
                found = await consumer.getmany(timeout_ms=POLL_MS, max_records=BATCH)
                if not found:
                    continue
                await self._until_done([ask for some in found.values() for ask in _asks(some, source)])
                await consumer.commit({partition: some[-1].offset + 1 for partition, some in found.items()})
        finally:
            with suppress(TimeoutError):  # leaving a group whose broker is away takes a minute
                async with asyncio.timeout(LEAVE_SECONDS):
                    await consumer.stop()

    async def _until_done(self, asks: list[Ask]) -> None:
        while True:
            try:
                return await self._enriching.handle(asks)
            except TransientError as error:
                log.warning("enrichments_wait", reason=error.reason)
                await asyncio.sleep(RETRY_SECONDS)


def _asks(messages: list[ConsumerRecord[bytes, bytes]], source: str) -> list[Ask]:
    """The source's own."""
    asks = []
    for message in messages:
        try:
            ask = decode_ask(message.value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("ask_not_understood", partition=message.partition, offset=message.offset, error=str(error))
            continue
        if ask.source == source:
            asks.append(ask)
    return asks
