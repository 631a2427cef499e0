"""What the daily sweeps ask of the stores, on the fakes, on a real Redis and on a cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from redis.asyncio import Redis

from services.aggregator.adapters.redis_ledger_store import RedisLedgerStore
from services.aggregator.adapters.redis_scoreboard_store import RedisScoreboardStore
from services.aggregator.adapters.redis_sweep_log import RedisSweepLog
from services.aggregator.domain.stored import (
    LedgerCommit,
    LedgerExpiry,
    Refold,
    ScoreboardCommit,
    ScoreboardWanted,
    Shelf,
    Sweep,
)
from services.aggregator.ports import Fenced, LedgerStore, ScoreboardStore, SweepLog
from shared.contracts import keys
from shared.contracts.keys import FIRST_STATE, PACKED_FIELD, PAGES_FIELD, RETAINED_FIELD
from shared.contracts.messages import encode_entry, encode_pages
from shared.contracts.packed_pages import pack_page, words_of
from shared.domain.facts import PageEntry
from tests.support.aggregator_stores import InMemoryLedgerStore, InMemoryScoreboardStore, InMemorySweepLog
from tests.support.redis_cluster import REAL, open_real_redis
from tests.support.sales_pages import sales_page

ANA, DAY, NEXT = ("acme", "ana"), "2026-09-21", "2026-09-22"
PAGE, OTHER = sales_page(20, seed=1), sales_page(3, seed=2)
WORDS = words_of([PAGE])
VALUES = ("acme", "ana", "accounts", "d2026-09-21")


@pytest.fixture(params=REAL)
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    async with open_real_redis(request) as client:
        await begin(client)
        yield client


@pytest.fixture(params=["in_memory", *REAL])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[ScoreboardStore]:
    if request.param == "in_memory":
        yield InMemoryScoreboardStore()
        return
    async with open_real_redis(request) as client:
        await begin(client)
        yield RedisScoreboardStore(client, log_epoch=0, state=FIRST_STATE)


@pytest.fixture(params=["in_memory", *REAL])
async def ledger_store(request: pytest.FixtureRequest) -> AsyncIterator[LedgerStore]:
    if request.param == "in_memory":
        yield InMemoryLedgerStore()
        return
    async with open_real_redis(request) as client:
        await begin(client)
        yield RedisLedgerStore(client, log_epoch=0, state=FIRST_STATE)


@pytest.fixture(params=["in_memory", *REAL])
async def sweeps(request: pytest.FixtureRequest) -> AsyncIterator[SweepLog]:
    if request.param == "in_memory":
        yield InMemorySweepLog()
        return
    async with open_real_redis(request) as client:
        yield RedisSweepLog(client, keys.ledger_tag, state=FIRST_STATE)


async def begin(client: Redis) -> None:
    for tag in (keys.ledger_tag(0, FIRST_STATE), keys.scoreboard_tag(0, FIRST_STATE)):
        await client.set(keys.offset_key(tag), 0)


def stored(page: Mapping[str, PageEntry]) -> dict[str, bytes]:
    return {fact_id: encode_entry(entry) for fact_id, entry in page.items()}


def changes(start: int, **parts: Any) -> ScoreboardCommit:
    empty: dict[str, Any] = {
        "pages": {}, "cells": {}, "values": {}, "unmapped": {}, "unconverted": {}, "changed": set(),
    }  # fmt: skip
    return ScoreboardCommit(start, start + 1, 7, **empty | parts)


async def two_pages(store: ScoreboardStore) -> None:
    pages = {(*ANA, DAY): stored(PAGE), (*ANA, NEXT): stored(OTHER)}
    cells = {PAGES_FIELD: encode_pages([DAY, NEXT]), "d2026-09-21": b"cell"}
    await store.commit(0, changes(0, pages=pages, cells={ANA: cells}))


def packing(refolds: int = 0, position: int = 1) -> Sweep:
    packed = {DAY: pack_page(PAGE, WORDS)}
    return Sweep(ANA, position, refolds, packed, WORDS, cells={PACKED_FIELD: encode_pages([DAY])})


async def test_a_subject_without_pages_has_an_empty_shelf(store: ScoreboardStore) -> None:
    assert await store.shelf(0, ANA) == Shelf(0, [], [])


async def test_a_packed_page_is_read_like_any_other(store: ScoreboardStore) -> None:
    await two_pages(store)
    assert await store.sweep(0, packing())
    assert await store.shelf(0, ANA) == Shelf(1, [DAY, NEXT], [DAY], WORDS)
    assert await store.entries(0, ANA, [NEXT, "2026-09-23", DAY]) == [OTHER, {}, PAGE]


async def test_no_entry_of_a_packed_page_is_found_by_itself(store: ScoreboardStore) -> None:
    await two_pages(store)
    await store.sweep(0, packing())
    held = await store.read(0, ScoreboardWanted({(*ANA, DAY): list(PAGE)[:1]}, {}))
    assert list(held.pages[*ANA, DAY]) == [None]


async def test_the_first_words_stay(store: ScoreboardStore) -> None:
    await two_pages(store)
    await store.sweep(0, packing())
    await store.sweep(0, Sweep(ANA, 1, 1, {NEXT: pack_page(OTHER, WORDS)}, b"others"))
    assert (await store.shelf(0, ANA)).words == WORDS
    assert await store.entries(0, ANA, [DAY, NEXT]) == [PAGE, OTHER]


async def test_a_chunk_that_writes_to_a_packed_page_puts_it_back_whole(store: ScoreboardStore) -> None:
    await two_pages(store)
    await store.sweep(0, packing())
    chunk = changes(1, pages={(*ANA, DAY): stored(PAGE)}, cells={ANA: {PACKED_FIELD: None}}, refolds=1)
    chunk.unpacked = {ANA: [DAY]}
    assert await store.commit(0, chunk) is Fenced.APPLIED
    assert await store.shelf(0, ANA) == Shelf(2, [DAY, NEXT], [], WORDS)
    assert await store.entries(0, ANA, [DAY, NEXT]) == [PAGE, OTHER]


async def test_a_chunk_counted_before_a_sweep_is_not_applied(store: ScoreboardStore) -> None:
    await two_pages(store)
    await store.sweep(0, packing())
    assert await store.commit(0, changes(1, refolds=0)) is Fenced.BETWEEN


@pytest.mark.parametrize(("position", "refolds"), [(0, 0), (2, 0), (1, 1)])
async def test_a_sweep_of_another_state_is_refused(store: ScoreboardStore, position: int, refolds: int) -> None:
    await two_pages(store)
    assert not await store.sweep(0, packing(refolds, position))
    assert (await store.shelf(0, ANA)).packed == []


async def test_a_page_that_goes_is_gone_in_either_form(store: ScoreboardStore) -> None:
    await two_pages(store)
    await store.sweep(0, packing())
    cells = {PAGES_FIELD: None, PACKED_FIELD: None, RETAINED_FIELD: b"2026-09-23", "d2026-09-21": None}
    assert await store.sweep(0, Sweep(ANA, 1, 1, gone=[DAY, NEXT], cells=cells, is_changed=True))
    assert await store.entries(0, ANA, [DAY, NEXT]) == [{}, {}]
    held = await store.read(0, ScoreboardWanted({}, {ANA: [PAGES_FIELD, RETAINED_FIELD, "d2026-09-21"]}))
    assert list(held.cells[ANA]) == [None, b"2026-09-23", None]


async def test_a_rep_who_is_folded_anew_keeps_packed_pages_and_from_when_on_they_are_whole(
    store: ScoreboardStore,
) -> None:
    await two_pages(store)
    sweep = packing()
    sweep.cells[RETAINED_FIELD] = b"2026-09-21"
    await store.sweep(0, sweep)
    await store.refold(0, Refold(ANA, 1, 1, "f", {}, {}, {}))
    assert await store.shelf(0, ANA) == Shelf(1, [DAY, NEXT], [DAY], WORDS)
    held = await store.read(0, ScoreboardWanted({}, {ANA: [RETAINED_FIELD]}))
    assert list(held.cells[ANA]) == [b"2026-09-21"]


async def test_what_expires_is_counted_out(redis: Redis) -> None:
    store, tag = RedisScoreboardStore(redis, log_epoch=0, state=FIRST_STATE), keys.scoreboard_tag(0, FIRST_STATE)
    await two_pages(store)
    parts: dict[str, Any] = {"values": {VALUES: {"a": 2, "b": 1}}, "unmapped": {"o": 3}, "unconverted": {"f": "USD"}}
    await store.commit(0, changes(1, **parts, changed={ANA}))
    await redis.delete(keys.changed_key(tag))
    sweep = Sweep(ANA, 2, 0, gone=[DAY], values={VALUES[2:]: {"a": -1, "b": -1}}, is_changed=True)
    sweep.unmapped, sweep.unconverted = {"o": -3}, ["f"]
    assert await store.sweep(0, sweep)
    assert await redis.hgetall(keys.values_key(tag, *VALUES)) == {b"a": b"1"}
    assert not await redis.exists(keys.unmapped_key(tag))
    assert not await redis.exists(keys.unconverted_key(tag))
    assert await redis.hget(keys.cells_key(tag, *ANA), "version") == b"2"
    assert await redis.smembers(keys.changed_key(tag)) == {b"acme/ana"}


async def test_packing_changes_no_version(redis: Redis) -> None:
    store, tag = RedisScoreboardStore(redis, log_epoch=0, state=FIRST_STATE), keys.scoreboard_tag(0, FIRST_STATE)
    await two_pages(store)
    await store.sweep(0, packing())
    assert not await redis.hexists(keys.cells_key(tag, *ANA), "version")
    assert not await redis.exists(keys.changed_key(tag))
    assert not await redis.exists(keys.page_key(tag, *ANA, DAY))


async def test_records_expire_and_are_reduced(ledger_store: LedgerStore) -> None:
    await ledger_store.commit(0, LedgerCommit(0, 1, {"a": b"1", "b": b"2", "c": b"3"}, {}, 0))
    assert await ledger_store.expire(0, LedgerExpiry(1, ["a", "unknown"], {"b": bytes(range(256))}))
    assert (await ledger_store.read(0, ["a", "b", "c"])).records == [None, bytes(range(256)), b"3"]


async def test_records_of_another_position_stay(ledger_store: LedgerStore) -> None:
    await ledger_store.commit(0, LedgerCommit(0, 1, {"a": b"1"}, {}, 0))
    assert not await ledger_store.expire(0, LedgerExpiry(0, ["a"], {}))
    assert (await ledger_store.read(0, ["a"])).records == [b"1"]


@pytest.mark.redis
async def test_what_records_miss_is_counted_up_and_down(redis: Redis) -> None:
    store, tag = RedisLedgerStore(redis, log_epoch=0, state=FIRST_STATE), keys.ledger_tag(0, FIRST_STATE)
    await store.commit(0, LedgerCommit(0, 1, {"a": b"1"}, {}, 0, {"t/s/call/owner": 2, "t/s/deal/amount": 1}))
    await store.commit(0, LedgerCommit(0, 1, {"a": b"1"}, {}, 0, {"t/s/call/owner": 2}))
    assert await store.expire(0, LedgerExpiry(1, ["a"], {}, {"t/s/call/owner": -1, "t/s/deal/amount": -1}))
    assert await redis.hgetall(keys.incomplete_key(tag)) == {b"t/s/call/owner": b"1"}


async def test_a_sweep_is_noted_by_who_knows_the_last(sweeps: SweepLog) -> None:
    assert await sweeps.last(3) is None
    assert await sweeps.note(3, None, 5)
    assert not await sweeps.note(3, None, 6)
    assert await sweeps.note(3, 5, 7)
    assert (await sweeps.last(3), await sweeps.last(4)) == (7, None)
