"""Whether everything that Kafka holds has been applied: the aggregator's offsets in Redis against the logs' ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from datetime import timedelta

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import RedisError

from cli.up.plan import Backends
from shared.adapters.redis_client import open_redis
from shared.contracts.keys import ledger_tag, offset_key, scoreboard_tag
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS
from shared.settings import RedisSettings

POLL_SECONDS = 0.1
STAGES = ((CRM_EVENTS, ledger_tag), (KPI_FACTS, scoreboard_tag))
"""In this order: what the ledger has applied, it has published before."""


async def drained(backends: Backends, *, within: timedelta) -> bool:
    """Waits until no message is left to apply; False when time is up or a part does not answer."""
    deadline = time.monotonic() + within.total_seconds()
    consumer = AIOKafkaConsumer(bootstrap_servers=backends.kafka, request_timeout_ms=3000)
    try:
        await consumer.start()
        async with open_redis(RedisSettings(url=SecretStr(backends.redis))) as redis:
            while await _lag(consumer, redis) > 0:
                if time.monotonic() > deadline:
                    return False
                await asyncio.sleep(POLL_SECONDS)
    except (KafkaError, RedisError, OSError):
        return False
    else:
        return True
    finally:
        await consumer.stop()


async def _lag(consumer: AIOKafkaConsumer, redis: Redis) -> int:
    """Messages that are not applied yet, of both stages."""
    total = 0
    for topic, tag in STAGES:
        numbers = sorted(consumer.partitions_for_topic(topic) or await _ask(consumer, topic))
        ends = await consumer.end_offsets([TopicPartition(topic, number) for number in numbers])
        applied = await redis.mget([offset_key(tag(number)) for number in numbers]) if numbers else []
        total += lag(((numbers[i], ends[TopicPartition(topic, numbers[i])]) for i in range(len(numbers))), applied)
    return total


async def _ask(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer.topics()  # refreshes what the client knows
    return consumer.partitions_for_topic(topic) or set()


def lag(ends: Iterable[tuple[int, int]], applied: Iterable[bytes | str | None]) -> int:
    """Sum of what is missing; ``ends`` are (partition, end offset), ``applied`` the stored next offsets beside them."""
    return sum(max(end - int(stored or 0), 0) for (_, end), stored in zip(ends, applied, strict=True))
