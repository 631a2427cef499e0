"""Consuming from the end: where the end is has to be known before anybody says that nothing is missed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition

LOOK_SECONDS = 0.1


async def positions_known(consumer: AIOKafkaConsumer, topics: Iterable[str]) -> None:
    """Returns when every partition of the topics has its position: what is produced from then on is consumed.

    A consumer without positions yet, as on a topic that was just created, would begin wherever the end is then.
    Raises: KafkaError.
    """
    wanted = tuple(topics)
    while not all(_is_assigned(consumer, topic) for topic in wanted):  # noqa: ASYNC110 - aiokafka tells nobody
        await asyncio.sleep(LOOK_SECONDS)
    await asyncio.gather(*(consumer.position(partition) for partition in consumer.assignment()))


def _is_assigned(consumer: AIOKafkaConsumer, topic: str) -> bool:
    partitions = consumer.partitions_for_topic(topic) or set()
    return bool(partitions) and {TopicPartition(topic, n) for n in partitions} <= consumer.assignment()
