"""The quarantine as the api reads it: what holds on Kafka holds for the fake that other tests use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Protocol

import pytest
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from services.api.adapters import quarantine_follower
from services.api.adapters.quarantine_follower import KafkaQuarantine
from services.api.metrics import ApiMetrics
from services.api.ports import Quarantine, QuarantineLoading
from shared.adapters.kafka_topics import KafkaAway
from shared.contracts.messages import Quarantined, encode_quarantined
from shared.contracts.quarantine import RetryAsked, decode_asked, encode_retried, requests
from shared.contracts.topics import CRM_QUARANTINE, CRM_RETRIES
from shared.domain.quarantine import Entry, Place, Retried, RetryOutcome
from shared.settings import KafkaSettings
from tests.support.api_quarantine import KnownQuarantine, kept
from tests.support.eventually import eventually
from tests.support.kafka_reader import read_all


class Subject(Protocol):
    """A quarantine, and the other side of it."""

    port: Quarantine

    async def arrive(self, entry: Quarantined) -> Entry:
        """Something is put into quarantine; the entry once it is listed."""
        ...

    def asked(self) -> list[RetryAsked]:
        """What ingest is to try again."""
        ...


class Fake:
    def __init__(self) -> None:
        self.port = KnownQuarantine(outcome=None)

    async def arrive(self, entry: Quarantined) -> Entry:
        self.port.take(entry)
        found = self.port.index.get(entry.id)
        assert found is not None
        return found

    def asked(self) -> list[RetryAsked]:
        return self.port.asked


class OnKafka:
    def __init__(self, port: KafkaQuarantine, bootstrap: str) -> None:
        self.port = port
        self._bootstrap = bootstrap
        self._producer = Producer({"bootstrap.servers": bootstrap})

    async def arrive(self, entry: Quarantined) -> Entry:
        self._produce(encode_quarantined(entry), entry.source)
        found = await eventually(lambda: self.port.index.get(entry.id), within_seconds=15)
        assert found is not None
        return found

    def resolve(self, said: Retried) -> None:
        self._produce(encode_retried(said), said.source)

    def _produce(self, value: bytes, key: str) -> None:
        self._producer.produce(CRM_QUARANTINE, value, key)
        self._producer.flush()

    def asked(self) -> list[RetryAsked]:
        return [decode_asked(message.value()) for message in read_all(self._bootstrap, CRM_RETRIES, until=bool)]


@pytest.fixture
def broker() -> Iterator[str]:
    owner = Producer({"test.mock.num.brokers": 1})
    found = next(iter(owner.list_topics(timeout=10).brokers.values()))
    yield f"{found.host}:{found.port}"
    owner.flush(0)


@pytest.fixture
def metrics() -> ApiMetrics:
    return ApiMetrics(CollectorRegistry())


def port(bootstrap: str, metrics: ApiMetrics) -> KafkaQuarantine:
    return KafkaQuarantine(KafkaSettings(bootstrap_servers=bootstrap), metrics, most=100, retention=timedelta(days=1))


@pytest.fixture
async def real(broker: str, metrics: ApiMetrics) -> AsyncIterator[OnKafka]:
    followed = port(broker, metrics)
    task = asyncio.create_task(followed.run())
    await eventually(lambda: followed.index is not None, within_seconds=30)
    yield OnKafka(followed, broker)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(params=["fake", "kafka"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = Fake() if request.param == "fake" else request.getfixturevalue("real")
    return found


async def test_what_arrives_is_listed_and_its_body_is_where_it_says(subject: Subject) -> None:
    entry = await subject.arrive(kept("qe_1", body='{"id": "é"}'))
    assert (entry.reason, entry.times, entry.waits) == ("missing_id", 1, True)
    found = await subject.port.body(entry.place)
    assert found is not None and (found.id, found.body) == ("qe_1", '{"id": "é"}')


async def test_at_another_place_there_is_no_body(subject: Subject) -> None:
    await subject.arrive(kept("qe_1"))
    assert await subject.port.body(Place(0, 10**6)) is None


async def test_what_is_asked_for_names_the_entry_and_its_place(subject: Subject) -> None:
    entry = await subject.arrive(kept("qe_1"))
    await subject.port.ask(list(requests([entry], retry="rt_1", by="ops", at=1)))
    (asked,) = await asyncio.to_thread(subject.asked)
    assert (asked.retry, asked.partition, [(one.id, one.offset) for one in asked.entries]) == (
        "rt_1", entry.place.partition, [("qe_1", entry.place.offset)],
    )  # fmt: skip


async def test_a_retry_that_nobody_makes_is_not_waited_for_for_ever(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine_follower, "WAIT_SECONDS", 0.2)
    await subject.arrive(kept("qe_1"))
    assert await subject.port.resolved("qe_1", "rt_1") is None


async def test_what_came_of_a_retry_is_seen(real: OnKafka) -> None:
    entry = await real.arrive(kept("qe_1"))
    said = Retried(
        resolves="qe_1",
        tenant="acme",
        source=entry.head.source,
        outcome=RetryOutcome.ACCEPTED,
        at=1,
        by="ops",
        retry="r",
    )
    real.resolve(said)
    found = await real.port.resolved("qe_1", "r")
    assert found is not None and found.last == said
    await eventually(lambda: real.port.index.counts(lambda _: True), equals={})


async def test_what_waits_is_a_series(real: OnKafka, metrics: ApiMetrics) -> None:
    await real.arrive(kept("qe_1"))
    await eventually(metrics._waiting.labels("missing_id")._value.get, equals=1.0)


async def test_before_it_was_read_the_list_is_not_given_out(broker: str, metrics: ApiMetrics) -> None:
    with pytest.raises(QuarantineLoading):
        _ = port(broker, metrics).index


async def test_a_broker_that_is_away_is_an_outage(metrics: ApiMetrics) -> None:
    gone = port("127.0.0.1:1", metrics)
    with pytest.raises(KafkaAway):
        await gone.body(Place(0, 0))
    with pytest.raises(KafkaAway):
        await gone.ask([RetryAsked(retry="r", at=1, by="ops", partition=0, entries=[])])
