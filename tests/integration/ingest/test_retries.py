"""Retries on brokers: asked for, worked off by a member of the group, and read back from the topic."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from services.ingest.adapters.event_log import KafkaEventLog, open_event_log
from services.ingest.adapters.retry_follower import RetryFollower
from services.ingest.domain.delivery import Context, Delivery, Element, Rejected, RejectReason
from services.ingest.wiring import Ingest, build_ingest
from shared.adapters.quarantine_topic import QuarantineBodies, QuarantineReader, ask_for_retries, reading_quarantine
from shared.adapters.system_clock import SystemClock
from shared.contracts.messages import decode_change
from shared.contracts.quarantine import requests
from shared.contracts.topics import CRM_EVENTS, CRM_QUARANTINE, CRM_RETRIES
from shared.domain.quarantine import Entry, Place, QuarantineIndex, RetryOutcome, Selection
from shared.domain.sources import Source
from shared.settings import KafkaSettings
from tests.support.eventually import eventually
from tests.support.ingest_app import native_source
from tests.support.kafka_reader import read_all

RETENTION = timedelta(days=400)
OCCURRED_AT = "2026-11-23T09:30:00Z"


@pytest.fixture(params=["embedded", pytest.param("real", marks=[pytest.mark.kafka, pytest.mark.slow])])
def settings(request: pytest.FixtureRequest) -> KafkaSettings:
    if request.param == "embedded":
        return KafkaSettings(bootstrap_servers=str(request.getfixturevalue("embedded_kafka")))
    return KafkaSettings(bootstrap_servers=str(request.getfixturevalue("kafka").bootstrap))


class World:
    """An ingest with its retries followed, and a reader of the quarantine."""

    def __init__(self, settings: KafkaSettings, log: KafkaEventLog, ingest: Ingest, reader: QuarantineReader) -> None:
        self.settings, self.log, self.ingest, self.reader = settings, log, ingest, reader

    async def keep(self, source: Source, *raws: bytes) -> list[Entry]:
        """Puts elements into quarantine as the door does; their entries as they are read."""
        rejects = [Rejected(Element(n, raw, None), RejectReason.MISSING_ID) for n, raw in enumerate(raws)]
        delivery = Delivery(method="POST", headers={b"content-type": b"application/json"}, body=b"")
        await self.log.keep([], rejects, delivery=delivery, context=Context(source, "dl_1", 1_795_426_200_000_000))
        await self.reader.catch_up()
        return sorted(self.waiting(source), key=lambda entry: entry.place)

    def waiting(self, source: Source) -> list[Entry]:
        return list(self.reader.index.entries(Selection(source=source.id).has))

    async def ask(self, *entries: Entry, retry: str = "rt_1") -> None:
        await ask_for_retries(self.settings, list(requests(entries, retry=retry, by="ops", at=1)))

    async def resolved(self, entry: Entry, retry: str = "rt_1") -> Entry:
        async def look() -> Entry | None:
            await self.reader.take(timeout_ms=100)
            found = self.reader.index.get(entry.head.id)
            return found if found and found.last and found.last.retry == retry else None

        found = await eventually(look, within_seconds=40)
        assert found is not None
        return found


@asynccontextmanager
async def following(settings: KafkaSettings, ingest: Ingest) -> AsyncIterator[None]:
    task = asyncio.create_task(RetryFollower(settings, ingest.retrying, retention=RETENTION).run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def world(settings: KafkaSettings) -> AsyncIterator[World]:
    async with open_event_log(settings, retention=RETENTION) as log:
        await eventually(log.state, within_seconds=20)
        bodies = QuarantineBodies(settings)
        ingest = build_ingest(log, bodies, SystemClock(), registry=CollectorRegistry())
        async with reading_quarantine(settings, QuarantineIndex(10_000)) as reader:
            yield World(settings, log, ingest, reader)


def element(event_id: str) -> bytes:
    return f'{{"id": "{event_id}", "type": "call.logged", "rep": "ana", "occurred_at": "{OCCURRED_AT}"}}'.encode()


def logged(settings: KafkaSettings, source: Source, wanted: int) -> list[str]:
    def of_source(messages: list[Any]) -> list[str]:
        return [c.event for c in (decode_change(m.value()) for m in messages) if c.source == source.id]

    found = read_all(settings.bootstrap_servers, CRM_EVENTS, until=lambda messages: len(of_source(messages)) >= wanted)
    return of_source(found)


async def test_a_retry_puts_what_is_understood_now_on_the_log_and_says_so(world: World) -> None:
    source = native_source(id="retry-a")
    entries = await world.keep(source, element("e1"), b'{"id": ""}', element("e2"))
    world.ingest.intake.configure({source.id: source})
    async with following(world.settings, world.ingest):
        await world.ask(*entries)
        outcomes = [(await world.resolved(entry)).last for entry in entries]
    said = [(last.outcome, last.reason) for last in outcomes if last]
    assert said == [
        (RetryOutcome.ACCEPTED, ""),
        (RetryOutcome.QUARANTINED, "missing_id"),
        (RetryOutcome.ACCEPTED, ""),
    ]
    assert sorted(await asyncio.to_thread(logged, world.settings, source, 2)) == ["e1", "e2"]
    assert [entry.head.id for entry in world.waiting(source)] == [entries[1].head.id]


async def test_what_was_asked_while_no_ingest_ran_is_done_when_one_does(world: World) -> None:
    source = native_source(id="retry-b")
    (entry,) = await world.keep(source, element("e1"))
    world.ingest.intake.configure({source.id: source})
    await world.ask(entry)
    async with following(world.settings, world.ingest):
        assert not (await world.resolved(entry)).waits


async def test_rubbish_among_the_requests_holds_nothing_up(world: World) -> None:
    source = native_source(id="retry-c")
    (entry,) = await world.keep(source, element("e1"))
    world.ingest.intake.configure({source.id: source})
    producer = Producer({"bootstrap.servers": world.settings.bootstrap_servers})
    for partition in producer.list_topics(CRM_RETRIES, timeout=10).topics[CRM_RETRIES].partitions:
        producer.produce(CRM_RETRIES, b"\xff", partition=partition)
    producer.flush()
    async with following(world.settings, world.ingest):
        await world.ask(entry)
        assert not (await world.resolved(entry)).waits


async def test_bodies_are_read_from_where_they_lie_in_any_order(world: World) -> None:
    source = native_source(id="retry-d")
    raws = [element(f"e{number}") for number in range(300)]
    entries = await world.keep(source, *raws)
    wanted = [entries[n].place for n in (299, 0, 5, 250, 6)]
    beyond = Place(entries[0].place.partition, 10**9)
    found = await QuarantineBodies(world.settings).read([*wanted, beyond])
    assert set(found) == set(wanted)
    assert found[entries[250].place].body == raws[250].decode()


async def test_a_body_at_its_limit_is_kept_whole_and_comes_back(world: World) -> None:
    source = native_source(id="retry-e")
    raw = b'{"id": "' + b'\\"' * 524_000 + b'"}'
    (entry,) = await world.keep(source, raw)
    found = await QuarantineBodies(world.settings).read([entry.place])
    assert len(found[entry.place].body) > len(raw)


async def test_what_nobody_can_read_is_counted_and_the_rest_is_listed(world: World) -> None:
    source = native_source(id="retry-f")
    producer = Producer({"bootstrap.servers": world.settings.bootstrap_servers})
    producer.produce(CRM_QUARANTINE, b"\xff no JSON", key=source.id)
    producer.flush()
    before = world.reader.index.unreadable
    assert len(await world.keep(source, element("e1"))) == 1
    assert world.reader.index.unreadable > before


@pytest.mark.kafka
@pytest.mark.slow
async def test_what_retention_has_taken_is_forgotten_and_its_body_is_not_there(
    request: pytest.FixtureRequest, world: World
) -> None:
    if "embedded" in request.node.name:
        pytest.skip("the embedded broker deletes nothing on request")
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    source = native_source(id="retry-g")
    old, new = await world.keep(source, element("old"), element("new"))
    admin = AdminClient({"bootstrap.servers": world.settings.bootstrap_servers})
    cut = TopicPartition(CRM_QUARANTINE, new.place.partition, new.place.offset)
    for future in admin.delete_records([cut]).values():
        future.result(timeout=20)
    await world.reader.forget_expired()
    assert [entry.head.id for entry in world.waiting(source)] == [new.head.id]
    assert set(await QuarantineBodies(world.settings).read([old.place, new.place])) == {new.place}
