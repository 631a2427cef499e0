"""Reads a topic of a test broker from its beginning, with plain consumers of confluent-kafka."""

from __future__ import annotations

import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition


def read_all(bootstrap: str, topic: str, *, count: int, within_seconds: float = 15.0) -> list[Message]:
    """At least ``count`` messages, or as many as came in time; ordered within each partition."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False, "log_level": 0}
    )
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
        found: list[Message] = []
        deadline = time.monotonic() + within_seconds
        while len(found) < count and time.monotonic() < deadline:
            found.extend(message for message in consumer.consume(500, 0.2) if message.error() is None)
        return found
    finally:
        consumer.close()
