"""A producer that says "stored" only when every in-sync replica has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from aiokafka import AIOKafkaProducer

from shared.contracts.topics import MAX_MESSAGE_BYTES
from shared.settings import KafkaSettings

REQUEST_TIMEOUT_MS = 5_000


@asynccontextmanager
async def open_producer(
    settings: KafkaSettings, *, linger: timedelta = timedelta(0)
) -> AsyncIterator[AIOKafkaProducer]:
    """An idempotent producer with acks=all; flushed and closed at the end."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        linger_ms=int(linger.total_seconds() * 1000),
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        max_request_size=MAX_MESSAGE_BYTES,
    )
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()
