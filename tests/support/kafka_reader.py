"""Reads a topic of a test broker from its beginning, with plain consumers of confluent-kafka."""

from __future__ import annotations

import time
from collections.abc import Callable

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition


def read_all(
    bootstrap: str, topic: str, *, until: Callable[[list[Message]], bool], within_seconds: float = 15.0
) -> list[Message]:
    """The messages once ``until`` is true of them, or what came in time; ordered within each partition."""
    settings = {"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False, "log_level": 0}
    consumer = Consumer(settings)
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
        found: list[Message] = []
        deadline = time.monotonic() + within_seconds
        while not until(found) and time.monotonic() < deadline:
            found.extend(message for message in consumer.consume(500, 0.2) if message.error() is None)
        return found
    finally:
        consumer.close()


def read_to_end(bootstrap: str, topic: str, *, within_seconds: float = 30.0) -> list[Message]:
    """All that is on the topic now, ordered within each partition. Raises: AssertionError when that takes too long."""
    settings = {"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False, "log_level": 0}
    consumer = Consumer(settings)
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        starts = [TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions]
        ends = {start.partition: consumer.get_watermark_offsets(start, timeout=10)[1] for start in starts}
        left = {partition for partition, end in ends.items() if end > 0}
        consumer.assign(starts)
        found: list[Message] = []
        deadline = time.monotonic() + within_seconds
        while left:
            assert time.monotonic() < deadline, f"partitions {left} are not read to their ends {ends}"
            for message in consumer.consume(500, 0.2):
                if message.error() is None:
                    found.append(message)
                    if message.offset() + 1 >= ends[message.partition()]:
                        left.discard(message.partition())
        return found
    finally:
        consumer.close()
