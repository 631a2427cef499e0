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
from shared.contracts.keys import LAYOUT, STATE_FIELD, ledger_tag, offset_key, scoreboard_tag, state_named
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS
from shared.domain.facts import EPOCH_BITS
from shared.settings import RedisSettings

POLL_SECONDS = 0.1
STAGES = ((CRM_EVENTS, "events_partitions", ledger_tag), (KPI_FACTS, "facts_partitions", scoreboard_tag))
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
    layout = await redis.hgetall(LAYOUT)
    begun = int(layout.get(b"log_epoch", 0)) << EPOCH_BITS
    state = state_named(layout.get(STATE_FIELD.encode()))
    total = 0
    for topic, count, tag in STAGES:
        partitions = [TopicPartition(topic, number) for number in range(int(layout.get(count.encode(), 0)))]
        ends = await consumer.end_offsets(partitions)
        stored = await redis.mget([offset_key(tag(part.partition, state)) for part in partitions]) if partitions else []
        total += lag([ends[part] for part in partitions], stored, begun=begun)
    return total


def lag(ends: Iterable[int], stored: Iterable[bytes | str | None], *, begun: int = 0) -> int:
    """Sum of what is missing: end offsets against the stored positions beside them; ``begun`` is the log's first."""
    return sum(max(end - max(int(position or 0) - begun, 0), 0) for end, position in zip(ends, stored, strict=True))
