"""Follows crm.retries as a member of a group: each request is worked off by one of the deployment's ingests.

What is worked off is committed afterwards, so that a request outlives the ingest that began it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from services.ingest.retrying import Retrying
from shared.adapters.kafka_topics import KafkaAway, ensure_topics
from shared.contracts.quarantine import RetryAsked, decode_asked
from shared.contracts.topics import CRM_RETRIES, TOPICS
from shared.errors import TransientError
from shared.settings import KafkaSettings

GROUP = "pacer.retries"
RETRY_SECONDS = 1.0
SESSION_TIMEOUT_MS = 10_000
LEAVE_SECONDS = 1.0
log = structlog.get_logger()


class RetryFollower:
    """Hands requests to the use case for as long as the service runs. ``retention`` is for topics that are missing."""

    def __init__(self, settings: KafkaSettings, retrying: Retrying, *, retention: timedelta) -> None:
        self._settings = settings
        self._retrying = retrying
        self._retention = retention

    async def run(self) -> None:
        """Never returns; what Kafka does to it is logged and tried again: webhooks must not wait for it."""
        while True:
            try:
                await self._follow()
            except (KafkaError, KafkaAway, OSError) as error:
                log.warning("retries_not_followed", error=repr(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        await ensure_topics(
            self._settings.bootstrap_servers, TOPICS, partitions=self._settings.partitions, retention=self._retention
        )
        consumer = AIOKafkaConsumer(
            CRM_RETRIES,
            bootstrap_servers=self._settings.bootstrap_servers,
            group_id=GROUP,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=SESSION_TIMEOUT_MS,
        )
        try:
            await consumer.start()
            async for message in consumer:
                await self._take(message)
                await consumer.commit({TopicPartition(message.topic, message.partition): message.offset + 1})
        finally:
            with suppress(TimeoutError):  # leaving a group whose broker is away takes a minute
                async with asyncio.timeout(LEAVE_SECONDS):
                    await consumer.stop()

    async def _take(self, message: ConsumerRecord[bytes, bytes]) -> None:
        try:
            asked = decode_asked(message.value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("retry_not_understood", partition=message.partition, offset=message.offset, error=str(error))
            return
        await self._until_done(asked)

    async def _until_done(self, asked: RetryAsked) -> None:
        while True:
            try:
                return await self._retrying.handle(asked)
            except TransientError as error:
                log.warning("retry_waits", retry=asked.retry, reason=error.reason)
                await asyncio.sleep(RETRY_SECONDS)
