"""Records are looked for in the very partition to which the log's own client sends their events."""

from __future__ import annotations

from functools import partial

import redis as blocking
from confluent_kafka import Message, Producer
from redis.asyncio import Redis

from services.api.adapters.fact_pages import RedisPages
from services.api.adapters.ledger_records import RedisRecords
from services.ingest.adapters.event_log import producer_config
from shared.adapters.kafka_partitions import ledger_partition
from shared.contracts import keys
from shared.contracts.messages import encode_entry, encode_pages
from shared.contracts.records import pack, pack_single
from shared.domain.facts import PageEntry, Revision
from shared.domain.records import Record
from tests.support.changes import call, deal
from tests.support.embedded_kafka import embedded_kafka
from tests.support.real_redis import RealRedis

__all__ = ["embedded_kafka"]
RECORD_KEYS = [f"acme/hubspot/deal/{'x' * (n % 5)}{n}" for n in range(200)] + ["acme/native/call/größe", "t/s/c/"]


def test_the_partition_of_a_record_is_the_one_that_ingests_producer_chooses(embedded_kafka: str) -> None:
    chosen: dict[str, int] = {}
    producer = Producer(producer_config(embedded_kafka) | {"allow.auto.create.topics": True})
    partitions = len(producer.list_topics("partitioned", timeout=10).topics["partitioned"].partitions)
    for key in RECORD_KEYS:
        producer.produce("partitioned", b"", key, on_delivery=partial(note, chosen))
    assert producer.flush(10) == 0
    assert chosen == {key: ledger_partition(key, partitions) for key in RECORD_KEYS}
    assert len(set(chosen.values())) == partitions > 1


def note(chosen: dict[str, int], _: object, message: Message) -> None:
    chosen[(message.key() or b"").decode()] = message.partition() or 0


async def test_records_of_several_partitions_come_in_one_answer(redis_server: RealRedis) -> None:
    known = {each.key: each for each in (call("c-1"), call("c-2"), deal("won", amount="5"))}
    corrected = Record.of(known["acme/native/deal/d-1"])
    corrected.merge(deal("updated", amount="7", at=corrected.first_at + 1))
    client = blocking.Redis.from_url(redis_server.url)
    client.hset(keys.LAYOUT, mapping={"events_partitions": 8, "facts_partitions": 4})
    for key, said in known.items():
        packed = pack(corrected) if said.record_type == "deal" else pack_single(said)
        client.hset(keys.records_key(keys.ledger_tag(ledger_partition(key, 8), keys.FIRST_STATE)), key, packed)
    async with Redis.from_url(redis_server.url) as redis:
        found = await RedisRecords(redis).of([*known, "acme/native/call/unknown"])
    assert set(found) == set(known)
    assert found["acme/native/deal/d-1"].current_fields()["amount"] == "7"


async def test_before_the_aggregator_ever_started_there_are_no_records(redis_server: RealRedis) -> None:
    async with Redis.from_url(redis_server.url) as redis:
        assert await RedisRecords(redis).of(["acme/native/call/c-1"]) == {}
        assert (await RedisPages(redis).held("acme", {"ana": None}))["ana"].pages == {}


async def test_pages_come_with_the_version_of_the_rep(redis_server: RealRedis) -> None:
    tag = keys.scoreboard_tag(keys.scoreboard_partition("acme", "ana", 8), keys.FIRST_STATE)
    client = blocking.Redis.from_url(redis_server.url)
    client.hset(keys.LAYOUT, mapping={"events_partitions": 4, "facts_partitions": 8})
    client.hset(
        keys.cells_key(tag, "acme", "ana"), mapping={"version": 7, "pages": encode_pages(["2026-11-23", "open"])}
    )
    gone = PageEntry(Revision(3), None)
    client.hset(keys.page_key(tag, "acme", "ana", "2026-11-23"), "native/call/c-1#logged", encode_entry(gone))
    async with Redis.from_url(redis_server.url) as redis:
        pages = RedisPages(redis)
        every = await pages.held("acme", {"ana": None, "bo": None})
        some = await pages.held("acme", {"ana": ["2026-11-23"]})
    assert every["ana"].pages == {"2026-11-23": {"native/call/c-1#logged": gone}, "open": {}}
    assert (every["ana"].version, every["bo"].version, some["ana"].version) == (7, 0, 7)
