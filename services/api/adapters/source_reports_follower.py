"""Follows source.health: the last that each ingest process told of each source and hour of the last day."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import DecodeError

from shared.adapters.kafka_positions import positions_known
from shared.adapters.kafka_topics import KafkaAway, ensure_topics
from shared.contracts.source_reports import decode_source_hour
from shared.contracts.topics import SOURCE_HEALTH, TOPICS
from shared.domain.clock import Clock
from shared.domain.instants import HOUR_US
from shared.domain.source_hours import SourceHour
from shared.settings import KafkaSettings

HOURS = 24
"""The hour that runs, and so many before it."""
RETRY_SECONDS = 1.0
POLL_MS = 500
log = structlog.get_logger()


class SourceReportsFollower:
    """The Reported port. ``run`` must be running; until the topic is read, little is known."""

    def __init__(self, settings: KafkaSettings, clock: Clock, *, retention: timedelta) -> None:
        self._settings = settings
        self._clock = clock
        self._retention = retention
        self._known: dict[tuple[str, str], dict[tuple[str, int], SourceHour]] = defaultdict(dict)

    def of(self, tenant: str, source: str) -> Sequence[SourceHour]:
        """See the port."""
        first = self._clock.now() // HOUR_US - HOURS
        return [told for told in self._known.get((tenant, source), {}).values() if told.hour >= first]

    async def run(self) -> None:
        """Never returns; what Kafka does to it is logged and tried again, and what was known stays."""
        while True:
            try:
                await self._follow()
            except (KafkaError, KafkaAway, OSError) as error:
                log.warning("source_health_not_followed", error=repr(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        await ensure_topics(
            self._settings.bootstrap_servers, TOPICS, partitions=self._settings.partitions, retention=self._retention
        )
        consumer = AIOKafkaConsumer(
            SOURCE_HEALTH,
            bootstrap_servers=self._settings.bootstrap_servers,
            group_id=None,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            await positions_known(consumer, (SOURCE_HEALTH,))
            await self._seek_to_yesterday(consumer)
            while True:
                for messages in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                    for message in messages:
                        self._take(message.value)
        finally:
            await consumer.stop()

    async def _seek_to_yesterday(self, consumer: AIOKafkaConsumer) -> None:
        """A segment of the topic may hold weeks."""
        since_ms = (self._clock.now() - (HOURS + 1) * HOUR_US) // 1000
        places: set[TopicPartition] = consumer.assignment()
        for place, found in (await consumer.offsets_for_times(dict.fromkeys(places, since_ms))).items():
            if found is not None:
                consumer.seek(place, found.offset)

    def _take(self, value: bytes | None) -> None:
        try:
            told = decode_source_hour(value or b"")
        except (DecodeError, UnicodeDecodeError) as error:
            log.warning("message_not_understood", topic=SOURCE_HEALTH, error=str(error))
            return
        known = self._known[told.tenant, told.source]
        before = known.get((told.process, told.hour))
        if before is None or told.at >= before.at:
            known[told.process, told.hour] = told
        first = self._clock.now() // HOUR_US - HOURS
        for place in [place for place in known if place[1] < first]:
            del known[place]
