"""Creates the topics that are missing, on real Kafka and on the embedded broker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.contracts.topics import MAX_MESSAGE_BYTES, Topic
from shared.errors import TransientError

ATTEMPTS = 20
PAUSE_SECONDS = 0.5
WANTED_COPIES = 3
"""Replicas of a partition; fewer only where the cluster has fewer brokers."""
EMBEDDED_CLUSTER = "mockCluster"
"""How the cluster id of librdkafka's mock cluster begins; it is new with each start."""
log = structlog.get_logger()


class KafkaAway(TransientError):
    """No broker answered in time."""

    reason = "kafka_unavailable"


async def ensure_topics(
    bootstrap_servers: str, topics: Iterable[Topic], *, partitions: int, retention: timedelta
) -> None:
    """Creates what is missing; existing topics stay as they are.

    The embedded broker knows no CreateTopics: there a topic appears when its metadata is asked for.
    Raises: KafkaAway after ten seconds without an answer.
    """
    wanted = tuple(topics)
    last: Exception | None = None
    for _ in range(ATTEMPTS):
        try:
            return await _create(bootstrap_servers, wanted, partitions=partitions, retention=retention)
        except (KafkaError, OSError) as error:
            last = error
            await asyncio.sleep(PAUSE_SECONDS)
    raise KafkaAway(f"{bootstrap_servers} does not answer: {last!r}") from last


async def _create(bootstrap_servers: str, topics: tuple[Topic, ...], *, partitions: int, retention: timedelta) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=5000)
    await admin.start()
    try:
        present = set(await admin.list_topics())
        missing = [topic for topic in topics if topic.name not in present]
        if not missing:
            return
        cluster = await admin.describe_cluster()
        if str(cluster["cluster_id"]).startswith(EMBEDDED_CLUSTER):
            await admin.describe_topics([topic.name for topic in missing])  # asking makes them appear
            return
        copies = min(WANTED_COPIES, len(cluster["brokers"]))
        response = await admin.create_topics([_new(topic, partitions, copies, retention) for topic in missing])
        _raise_for(response.topic_errors)
        log.info("topics_created", topics=[topic.name for topic in missing])
    finally:
        await admin.close()


def _raise_for(topic_errors: Iterable[tuple[str, int, str | None]]) -> None:
    for name, code, message in topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(f"{name}: {message}")


def _new(topic: Topic, partitions: int, copies: int, retention: timedelta) -> NewTopic:
    kept = topic.kept or retention
    policy = (
        {"cleanup.policy": "compact"}
        if topic.compacted
        else {"cleanup.policy": "delete", "retention.ms": str(int(kept.total_seconds() * 1000))}
    )
    configs = policy | {"max.message.bytes": str(MAX_MESSAGE_BYTES)}
    return NewTopic(name=topic.name, num_partitions=partitions, replication_factor=copies, topic_configs=configs)
