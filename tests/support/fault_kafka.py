"""A real Kafka node that clients reach through a proxy of ours, and what is done to its topics behind the services."""

from __future__ import annotations

import time
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from cli.up.kafka_local import LocalKafka
from tests.support.tcp_proxy import TcpProxy

PARTITIONS = 8
WAIT_SECONDS = 20.0


class ProxiedKafka(LocalKafka):
    """The node tells its clients the proxy's address, so that all their connections pass it."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.network = TcpProxy(self.port)

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.network.port}"

    def _properties(self) -> Path:
        path = super()._properties()
        ours, theirs = (f"advertised.listeners=PLAINTEXT://127.0.0.1:{port}" for port in (self.port, self.network.port))
        path.write_text(path.read_text().replace(ours, theirs))
        return path


class Topics:
    """What an operator, or a program that is not ours, may do to topics."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

    def put(self, topic: str, values: list[bytes], *, partition: int) -> None:
        """Writes messages as they are."""
        producer = Producer({"bootstrap.servers": self._bootstrap, "log_level": 0, "linger.ms": 20})
        for value in values:
            producer.produce(topic, value, partition=partition)
        assert producer.flush(20) == 0

    def put_in_transactions(self, topic: str, values: list[bytes], *, partition: int, name: str) -> None:
        """Writes each message in a transaction of its own: each leaves an offset without a message behind it."""
        settings = {"bootstrap.servers": self._bootstrap, "log_level": 0, "transactional.id": name}
        producer = Producer(settings)
        producer.init_transactions(20)
        for value in values:
            producer.begin_transaction()
            producer.produce(topic, value, partition=partition)
            producer.commit_transaction(20)

    def some(self, topic: str, *, partition: int, count: int) -> list[bytes]:
        """The first messages of a partition."""
        settings = {
            "bootstrap.servers": self._bootstrap,
            "group.id": "some",
            "enable.auto.commit": False,
            "log_level": 0,
        }
        consumer = Consumer(settings)
        try:
            consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
            found: list[Message] = []
            deadline = time.monotonic() + WAIT_SECONDS
            while len(found) < count and time.monotonic() < deadline:
                found += [message for message in consumer.consume(count, 1.0) if message.error() is None]
            assert len(found) >= count, f"{topic}-{partition} has {len(found)} messages that can be read"
            return [message.value() or b"" for message in found[:count]]
        finally:
            consumer.close()

    def cut(self, topic: str, offsets: list[int]) -> None:
        """Deletes what lies before an offset of each partition, as retention does."""
        before = [TopicPartition(topic, partition, offset) for partition, offset in enumerate(offsets)]
        for future in self._admin.delete_records(before).values():
            future.result(20)

    def create_again(self, topic: str) -> None:
        """Deletes a topic and creates one of the same name."""
        for future in self._admin.delete_topics([topic]).values():
            future.result(20)
        deadline = time.monotonic() + WAIT_SECONDS
        while topic in self._admin.list_topics(timeout=10).topics:
            assert time.monotonic() < deadline, f"{topic} is still there"
            time.sleep(0.1)
        for future in self._admin.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
            future.result(20)
