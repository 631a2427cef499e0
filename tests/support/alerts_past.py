"""Lets the alerts of a deployment begin now: tests share a broker, and what others published is not its past."""

from __future__ import annotations

from datetime import timedelta

from aiokafka import AIOKafkaConsumer
from redis.asyncio import Redis

from shared.adapters.kafka_positions import positions_known
from shared.adapters.kafka_topics import ensure_topics
from shared.contracts.episodes import alerts_tag, published_key
from shared.contracts.topics import ALERTS_EPISODES, TOPICS


async def alerts_begin_now(kafka: str, redis: Redis, tenant: str) -> None:
    """Notes the ends of alerts.episodes as what an empty Redis knows to be published."""
    key = published_key(alerts_tag(tenant))
    if await redis.exists(key):
        return
    await ensure_topics(kafka, TOPICS, partitions=8, retention=timedelta(days=1))
    consumer = AIOKafkaConsumer(ALERTS_EPISODES, bootstrap_servers=kafka, group_id=None, auto_offset_reset="latest")
    await consumer.start()
    try:
        await positions_known(consumer, [ALERTS_EPISODES])
        ends = await consumer.end_offsets(consumer.assignment())
        await redis.hset(key, mapping={partition.partition: offset for partition, offset in ends.items()})
    finally:
        await consumer.stop()
