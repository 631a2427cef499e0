"""Follows kpi.updates and alerts.episodes from their ends, and knows where the logs end.

Without a consumer group: every api sees everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import DecodeError

from shared.adapters.kafka_positions import positions_known
from shared.adapters.kafka_topics import KafkaAway, ensure_topics
from shared.contracts.episodes import decode_episode
from shared.contracts.messages import RepUpdated, decode_update
from shared.contracts.topics import ALERTS_EPISODES, CRM_EVENTS, KPI_FACTS, KPI_UPDATES, TOPICS
from shared.domain.episodes import Episode
from shared.settings import KafkaSettings

RETRY_SECONDS = 1.0
POLL_MS = 500
METADATA_AGE_MS = 30_000
ASK_SECONDS = 1.0
SILENT_SECONDS = 5.0
"""So long the log is not asked again after it did not answer: a reader must not wait for it each time."""
log = structlog.get_logger()


class Listener(Protocol):
    """Whoever wants to know."""

    def updated(self, update: RepUpdated) -> None:
        """A rep's numbers changed."""

    def moved(self, episode: Episode) -> None:
        """An episode changed."""

    def missed(self) -> None:
        """Messages may have been lost since the last one."""


class ChangeFollower:
    """Reads both topics for as long as the service runs; away and back, it says that something was missed.

    ``following``: what is said from now on is heard. ``retention`` is for topics that are missing.
    """

    def __init__(self, settings: KafkaSettings, listener: Listener, *, retention: timedelta) -> None:
        self._settings = settings
        self._listener = listener
        self._retention = retention
        self.following = False

    async def run(self) -> None:
        """Never returns; what Kafka does to it is logged and tried again."""
        while True:
            try:
                await self._follow()
            except (KafkaError, KafkaAway, OSError) as error:
                log.warning("updates_not_followed", error=repr(error))
            finally:
                self.following = False
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        await ensure_topics(
            self._settings.bootstrap_servers, TOPICS, partitions=self._settings.partitions, retention=self._retention
        )
        consumer = AIOKafkaConsumer(
            KPI_UPDATES,
            ALERTS_EPISODES,
            bootstrap_servers=self._settings.bootstrap_servers,
            group_id=None,
            auto_offset_reset="latest",
            enable_auto_commit=False,
            metadata_max_age_ms=METADATA_AGE_MS,
        )
        await consumer.start()
        try:
            await positions_known(consumer, (KPI_UPDATES, ALERTS_EPISODES))
            self._listener.missed()
            self.following = True
            while True:
                for messages in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                    for message in messages:
                        self._take(message.topic, message.value)
        finally:
            await consumer.stop()

    def _take(self, topic: str, value: bytes | None) -> None:
        if value is None:
            return
        try:
            if topic == KPI_UPDATES:
                self._listener.updated(decode_update(value))
            else:
                self._listener.moved(decode_episode(value))
        except DecodeError as error:
            log.warning("message_not_understood", topic=topic, error=str(error))


class KafkaLogEnds:
    """Asks the brokers where the logs end, briefly: the watermark is worth little when it is late."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._consumer: AIOKafkaConsumer | None = None
        self._silent_until = 0.0

    async def of(self, topic: str) -> Mapping[int, int] | None:
        """The next offset of each partition; None where the log does not answer at once."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._silent_until:
            return None
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await self._ask(topic)
        except (KafkaError, OSError, TimeoutError) as error:
            log.info("log_ends_unknown", topic=topic, error=repr(error))
            self._silent_until = loop.time() + SILENT_SECONDS
            return None

    async def close(self) -> None:
        """Ends the connection."""
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await consumer.stop()

    async def _ask(self, topic: str) -> Mapping[int, int] | None:
        consumer = await self._connected()
        partitions = consumer.partitions_for_topic(topic)
        if not partitions:
            return None
        ends = await consumer.end_offsets([TopicPartition(topic, partition) for partition in partitions])
        return {place.partition: end for place, end in ends.items()}

    async def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                CRM_EVENTS,
                KPI_FACTS,
                bootstrap_servers=self._settings.bootstrap_servers,
                group_id=None,
                enable_auto_commit=False,
                metadata_max_age_ms=METADATA_AGE_MS,
            )
            try:
                await consumer.start()
            except BaseException:
                await consumer.stop()
                raise
            for topic in (CRM_EVENTS, KPI_FACTS):
                consumer.pause(*(TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic) or ()))
            self._consumer = consumer
        return self._consumer
