"""librdkafka's mock cluster: the broker of ``pacer up`` without Kafka, in the test's own process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer


@pytest.fixture(scope="session")
def embedded_kafka() -> Iterator[str]:
    """Its host:port. The broker lives as long as the producer that it belongs to."""
    owner = Producer({"test.mock.num.brokers": 1})
    broker = next(iter(owner.list_topics(timeout=10).brokers.values()))
    yield f"{broker.host}:{broker.port}"
    owner.flush(0)
