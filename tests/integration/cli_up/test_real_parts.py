"""The launchers of real servers that other tests build on."""

from __future__ import annotations

import pytest
import redis
from confluent_kafka import Consumer, Producer

from cli.up.kafka_probe import answers_metadata
from tests.support.real_kafka import OwnKafka, RealKafka
from tests.support.real_redis import RealRedis


def _send(bootstrap: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "log_level": 0})
    producer.produce(topic, value)
    assert producer.flush(20) == 0


def _first(bootstrap: str, topic: str) -> bytes | None:
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest", "log_level": 0}
    )
    consumer.subscribe([topic])
    try:
        message = consumer.poll(20)
        return message.value() if message else None
    finally:
        consumer.close()


@pytest.mark.kafka
def test_the_shared_kafka_keeps_a_message(kafka: RealKafka) -> None:
    topic = kafka.create_topic(kafka.unique("kept"), partitions=2)
    _send(kafka.bootstrap, topic, b"one")
    assert _first(kafka.bootstrap, topic) == b"one"


@pytest.mark.kafka
@pytest.mark.slow
def test_a_killed_kafka_comes_back_with_its_messages(own_kafka: OwnKafka) -> None:
    topic = own_kafka.create_topic("kept")
    _send(own_kafka.bootstrap, topic, b"one")
    own_kafka.kill()
    assert not answers_metadata("127.0.0.1", own_kafka.node.port)
    own_kafka.start()
    assert _first(own_kafka.bootstrap, topic) == b"one"


@pytest.mark.redis
def test_a_restarted_durable_redis_keeps_its_keys(durable_redis: RealRedis) -> None:
    with redis.Redis(port=durable_redis.port) as client:
        client.set("key", "value")
        durable_redis.restart()
        assert client.get("key") == b"value"


@pytest.mark.redis
def test_a_plain_redis_starts_empty_again(redis_server: RealRedis) -> None:
    with redis.Redis(port=redis_server.port) as client:
        client.set("key", "value")
        redis_server.restart()
        assert client.get("key") is None
