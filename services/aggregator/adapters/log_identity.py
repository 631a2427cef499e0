"""Which log the stored offsets belong to, and that it is still the one.

Real Kafka gives each topic an id; a topic that was deleted and created again has another, and offsets counted in
the old one mean nothing there. The embedded broker has no ids and forgets its log at exit: whoever starts it names
each start in ``PACER_KAFKA__LOG_IDENTITY``, and a new name begins a new log epoch, with the state kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.aggregator.adapters.redis_scripts import Script, as_transient
from services.aggregator.settings import AggregatorKafkaSettings
from shared.adapters.kafka_topics import KafkaAway
from shared.contracts import keys
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS
from shared.errors import ConfigurationError, TransientError

REQUEST_SECONDS = 5.0
BROKER, LOG_IDENTITY, LOG_EPOCH = "broker", "log_identity", "log_epoch"
EVENTS_PARTITIONS, FACTS_PARTITIONS = "events_partitions", "facts_partitions"


class ForeignLog(ConfigurationError):
    """Redis holds the state of another log, or of another partitioning of it."""

    reason = "foreign_log"


class TopicMissing(TransientError):
    """A topic that offsets are counted in was deleted."""

    reason = "topic_missing"


class LogLayout(Struct, frozen=True):
    """What the live state is laid out for, and its name. ``fields``: the same as LAYOUT has it.

    ``topic_ids`` is empty for the embedded broker, which has none.
    """

    events_partitions: int
    facts_partitions: int
    log_epoch: int
    state: str
    fields: Mapping[str, str] = {}
    topic_ids: Mapping[str, str] = {}


async def check_layout(
    redis: Redis, settings: AggregatorKafkaSettings, *, events_partitions: int, facts_partitions: int
) -> LogLayout:
    """Compares the log with what the state was counted from; the first worker ever writes it down.

    Raises: ForeignLog with what to do; KafkaAway, RedisAway.
    """
    found, ids = await fields_of(settings, events_partitions=events_partitions, facts_partitions=facts_partitions)
    _compare(found, await _first_written(redis, found))
    state = await live_state(redis)
    if settings.log_identity is None:
        return LogLayout(events_partitions, facts_partitions, 0, state, found, ids)
    epoch = await Script(redis, "raise_on_change")([keys.LAYOUT], [LOG_IDENTITY, settings.log_identity, LOG_EPOCH])
    return LogLayout(events_partitions, facts_partitions, int(epoch), state, found)


async def fields_of(
    settings: AggregatorKafkaSettings, *, events_partitions: int, facts_partitions: int
) -> tuple[dict[str, str], Mapping[str, str]]:
    """What LAYOUT says of a state that is derived from this log, and the topics' ids. Raises: KafkaAway."""
    found = {EVENTS_PARTITIONS: str(events_partitions), FACTS_PARTITIONS: str(facts_partitions)}
    found[BROKER] = "kafka" if settings.log_identity is None else "embedded"
    ids: Mapping[str, str] = {}
    if settings.log_identity is None:
        ids = await asyncio.to_thread(TopicIds(settings.bootstrap_servers).read)
        found |= _as_fields(ids)
    return found, ids


async def live_state(redis: Redis) -> str:
    """The name of the live state. Raises: RedisAway."""
    try:
        return keys.state_named(await redis.hget(keys.LAYOUT, keys.STATE_FIELD))
    except (RedisError, OSError, TimeoutError) as error:
        raise as_transient(error) from error


async def _first_written(redis: Redis, found: Mapping[str, str]) -> Mapping[str, str]:
    answer = await Script(redis, "check_layout")([keys.LAYOUT], [part for item in found.items() for part in item])
    words = [word.decode() for word in answer]
    return dict(zip(words[::2], words[1::2], strict=True))


def _compare(found: Mapping[str, str], stored: Mapping[str, str]) -> None:
    for field, value in found.items():
        if stored[field] != value:
            raise ForeignLog(
                f"Redis holds state with {field} {stored[field]}, the broker now has {value}: these are not the same "
                "log. Point PACER_KAFKA__BOOTSTRAP_SERVERS or PACER_REDIS__URL back to where they belong, or make the "
                "state anew from the log that is there: pacer rebuild"
            )


def check_ids(layout: LogLayout, found: Mapping[str, str]) -> None:
    """Compares topic ids with those at the start. Raises: ForeignLog."""
    _compare(_as_fields(found), _as_fields(layout.topic_ids))


def _as_fields(ids: Mapping[str, str]) -> dict[str, str]:
    return {f"log:{topic}": topic_id for topic, topic_id in ids.items()}


class TopicIds:
    """Asks Kafka for the ids of the two topics that offsets are counted in; blocks."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._servers = bootstrap_servers
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers}, logger=logging.getLogger("librdkafka"))

    def read(self) -> dict[str, str]:
        """By topic. Raises: TopicMissing, KafkaAway."""
        topics = TopicCollection([CRM_EVENTS, KPI_FACTS])
        try:
            described = self._admin.describe_topics(topics, request_timeout=REQUEST_SECONDS)
            return {topic: str(future.result().topic_id) for topic, future in described.items()}
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise TopicMissing(f"{self._servers} has no such topic: {error}") from error
            raise KafkaAway(
                f"{self._servers} does not tell its topics' ids ({error}); a broker without them needs "
                "PACER_KAFKA__LOG_IDENTITY"
            ) from error
