"""Whether the aggregator has counted what was written: its positions in Redis against the offsets of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from redis.asyncio import Redis

from shared.adapters.live_state import LiveState, StateLayout
from shared.contracts.keys import offset_key
from shared.contracts.topics import KPI_FACTS
from shared.domain.facts import EPOCH_BITS
from shared.settings import KafkaSettings

LOOK_SECONDS = 0.2


async def until_counted(
    redis: Redis, kafka: KafkaSettings, ends: Mapping[int, int], tell: Callable[[int], object]
) -> None:
    """Returns when records and numbers hold every message before ``ends`` (of crm.events, by partition).

    ``tell``: how many messages of both stages are still to come. Raises: RedisError, KafkaError, OSError.
    """
    live = LiveState(redis)
    await _until(redis, live, ends, StateLayout.ledger_tags, tell)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers)
    await consumer.start()
    try:
        layout = await live.layout()
        facts = await consumer.end_offsets([TopicPartition(KPI_FACTS, number) for number in range(layout.facts)])
    finally:
        await consumer.stop()
    await _until(redis, live, {at.partition: end for at, end in facts.items()}, StateLayout.scoreboard_tags, tell)


async def _until(
    redis: Redis,
    live: LiveState,
    ends: Mapping[int, int],
    tags: Callable[[StateLayout], list[str]],
    tell: Callable[[int], object],
) -> None:
    while True:
        layout = await live.layout()
        missing = await _missing(redis, ends, tags(layout), layout.epoch << EPOCH_BITS)
        tell(missing)
        if not missing:
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _missing(redis: Redis, ends: Mapping[int, int], tags: list[str], begun: int) -> int:
    pipeline = redis.pipeline(transaction=False)
    for tag in tags:
        pipeline.get(offset_key(tag))
    positions: Iterable[Any] = await pipeline.execute() if tags else ()
    applied = {number: max(int(position or 0) - begun, 0) for number, position in enumerate(positions)}
    return sum(max(end - applied.get(partition, 0), 0) for partition, end in ends.items())
