"""What the aggregator writes to Kafka, on the embedded broker, with the set of changed reps in a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from confluent_kafka import Message
from msgspec import structs
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from services.aggregator.adapters.kafka_publishers import KafkaFactsPublisher, KafkaQuarantineSink, RenewableProducer
from services.aggregator.adapters.redis_scoreboard_store import RedisScoreboardStore
from services.aggregator.adapters.updates_publisher import UpdatesPublisher
from services.aggregator.domain.stored import ScoreboardCommit
from services.aggregator.metrics import AggregatorMetrics
from services.aggregator.ports import Poison, PoisonReason
from shared.adapters.kafka_topics import KafkaAway
from shared.adapters.system_clock import SystemClock
from shared.contracts import keys
from shared.contracts.messages import RepUpdated, decode_quarantined, decode_update, encode_change
from shared.contracts.topics import CRM_QUARANTINE, KPI_FACTS, KPI_UPDATES
from shared.settings import KafkaSettings
from tests.support.changes import change as change_of
from tests.support.embedded_kafka import embedded_kafka  # noqa: F401 - a fixture
from tests.support.eventually import eventually
from tests.support.kafka_reader import read_all
from tests.support.real_redis import RealRedis

pytestmark = pytest.mark.redis
TAG = keys.scoreboard_tag(0, keys.FIRST_STATE)


@pytest.fixture
async def redis(redis_server: RealRedis) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_server.url) as client:
        await client.set(keys.offset_key(TAG), 0)
        yield client


@pytest.fixture
def metrics() -> AggregatorMetrics:
    return AggregatorMetrics(CollectorRegistry())


@pytest.fixture
async def producer(embedded_kafka: str) -> AsyncIterator[RenewableProducer]:  # noqa: F811 - pytest's way
    producer = RenewableProducer(KafkaSettings(bootstrap_servers=embedded_kafka))
    yield producer
    await producer.close()


@pytest.fixture
async def updates(
    redis: Redis, producer: RenewableProducer, metrics: AggregatorMetrics
) -> AsyncIterator[UpdatesPublisher]:
    publisher = UpdatesPublisher(
        redis, producer, metrics, clock=SystemClock(), interval=timedelta(milliseconds=100), state=keys.FIRST_STATE
    )
    task = asyncio.create_task(publisher.run())
    yield publisher
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def change(redis: Redis, rep: str, start: int) -> None:
    commit = ScoreboardCommit(start, start + 1, 0, {}, {}, {}, {}, {}, {("acme", rep)})
    await RedisScoreboardStore(redis, log_epoch=0, state=keys.FIRST_STATE).commit(0, commit)


def published(bootstrap: str, rep: str) -> list[RepUpdated]:
    def of_rep(messages: list[Message]) -> list[RepUpdated]:
        return [update for update in (decode_update(m.value()) for m in messages) if update.rep == rep]

    return of_rep(read_all(bootstrap, KPI_UPDATES, until=lambda messages: bool(of_rep(messages))))


async def test_a_changed_rep_is_published_with_her_version(
    redis: Redis,
    updates: UpdatesPublisher,
    embedded_kafka: str,  # noqa: F811
) -> None:
    await change(redis, "ana", 0)
    updates.changed(0, {("acme", "ana")}, 17)
    await eventually(lambda: redis.scard(keys.changed_key(TAG)), equals=0)
    (update,) = await asyncio.to_thread(published, embedded_kafka, "ana")
    assert (update.tenant, update.version, update.received_at) == ("acme", 1, 17)


async def test_a_published_rep_leaves_the_set(redis: Redis, updates: UpdatesPublisher) -> None:
    await change(redis, "bea", 0)
    updates.changed(0, {("acme", "bea")}, 17)
    await eventually(lambda: redis.scard(keys.changed_key(TAG)), equals=0)


async def test_a_heartbeat_is_passed_on_as_an_update_of_nobodys(
    updates: UpdatesPublisher,
    embedded_kafka: str,  # noqa: F811
) -> None:
    updates.heartbeat(23)
    (update,) = await asyncio.to_thread(published, embedded_kafka, "")
    assert (update.tenant, update.received_at) == ("", 23)


async def test_what_a_crashed_owner_left_is_published(
    redis: Redis,
    updates: UpdatesPublisher,
    embedded_kafka: str,  # noqa: F811
) -> None:
    await change(redis, "cem", 0)
    updates.look_at([0])
    await eventually(lambda: redis.scard(keys.changed_key(TAG)), equals=0)
    assert await asyncio.to_thread(published, embedded_kafka, "cem")


async def test_a_rep_who_changed_while_she_was_published_stays_in_the_set(
    redis: Redis, updates: UpdatesPublisher
) -> None:
    await change(redis, "dee", 0)
    answer = await updates._take([keys.changed_key(TAG)], [10, f"{TAG}c:"])
    await change(redis, "dee", 1)
    assert await updates._clear([keys.changed_key(TAG)], [f"{TAG}c:", *answer]) == 1


async def test_facts_go_to_the_partition_named(producer: RenewableProducer, embedded_kafka: str) -> None:  # noqa: F811
    await KafkaFactsPublisher(producer, partitions=4, state=keys.FIRST_STATE).publish(
        {2: [b"two"], 3: [b"three", b"four"]}
    )
    messages = await asyncio.to_thread(read_all, embedded_kafka, KPI_FACTS, until=lambda found: len(found) >= 3)
    assert {(m.partition(), m.value()) for m in messages} == {(2, b"two"), (3, b"three"), (3, b"four")}


async def test_poison_is_kept_whole_with_its_place(
    producer: RenewableProducer,
    metrics: AggregatorMetrics,
    embedded_kafka: str,  # noqa: F811
) -> None:
    poison = Poison(5, PoisonReason.UNDECODABLE, "no JSON", b"\xff")
    await KafkaQuarantineSink(producer, metrics, SystemClock()).poisoned("crm.events", 1, [poison])
    found = await asyncio.to_thread(read_all, embedded_kafka, CRM_QUARANTINE, until=bool)
    kept = decode_quarantined(found[-1].value())
    assert (kept.topic, kept.partition, kept.offset, kept.body, kept.encoding) == ("crm.events", 1, 5, "/w==", "base64")


async def test_poison_that_is_delivered_again_is_the_same_entry(
    producer: RenewableProducer,
    metrics: AggregatorMetrics,
    embedded_kafka: str,  # noqa: F811
) -> None:
    sink = KafkaQuarantineSink(producer, metrics, SystemClock())
    said = change_of(tenant="beta", source="again")
    again = structs.replace(said, received_at=said.received_at + 5, delivery="dl_2")
    for offset, each in enumerate((said, again)):
        poison = Poison(offset, PoisonReason.UNKNOWN_TENANT, "", encode_change(each))
        await sink.poisoned("crm.events", 1, [poison])

    def ids(messages: list[Message]) -> list[str]:
        return [kept.id for kept in (decode_quarantined(m.value()) for m in messages) if kept.source == "again"]

    found = await asyncio.to_thread(read_all, embedded_kafka, CRM_QUARANTINE, until=lambda m: len(ids(m)) == 2)
    assert len(ids(found)) == 2 and len(set(ids(found))) == 1


async def test_a_broker_that_is_away_is_an_outage() -> None:
    producer = RenewableProducer(KafkaSettings(bootstrap_servers="127.0.0.1:9"))
    with pytest.raises(KafkaAway):
        await KafkaFactsPublisher(producer, partitions=4, state=keys.FIRST_STATE).publish({0: [b"x"]})
    await producer.close()
