"""One suite for both stores, on the fakes that the use cases are tested with, on a real Redis and on a cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from services.aggregator.adapters.redis_ledger_store import RedisLedgerStore
from services.aggregator.adapters.redis_scoreboard_store import RedisScoreboardStore
from services.aggregator.domain.stored import (
    Counted,
    LedgerCommit,
    LedgerHeld,
    Refold,
    ScoreboardCommit,
    ScoreboardHeld,
    ScoreboardWanted,
)
from services.aggregator.ports import Fenced, LedgerStore, ScoreboardStore
from shared.contracts import keys
from shared.contracts.keys import PAGES_FIELD
from shared.contracts.messages import encode_entry, encode_pages
from shared.domain.facts import PageEntry, Revision
from tests.support.aggregator_stores import InMemoryLedgerStore, InMemoryScoreboardStore
from tests.support.redis_cluster import REAL, open_real_redis

BYTES = bytes(range(256))
ANA, DAY, CELL = ("acme", "ana"), ("acme", "ana", "2026-11-23"), "d2026-11-23"
VALUES = ("acme", "ana", "accounts", CELL)


@asynccontextmanager
async def begun(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    async with open_real_redis(request) as client:
        for partition in range(2):
            for tag in (keys.ledger_tag(partition, keys.FIRST_STATE), keys.scoreboard_tag(partition, keys.FIRST_STATE)):
                await client.set(keys.offset_key(tag), 0)
        yield client


@pytest.fixture(params=REAL)
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    async with begun(request) as client:
        yield client


@pytest.fixture(params=["in_memory", *REAL])
async def ledger_store(request: pytest.FixtureRequest) -> AsyncIterator[LedgerStore]:
    if request.param == "in_memory":
        yield InMemoryLedgerStore()
        return
    async with begun(request) as client:
        yield RedisLedgerStore(client, log_epoch=0, state=keys.FIRST_STATE)


@pytest.fixture(params=["in_memory", *REAL])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[ScoreboardStore]:
    if request.param == "in_memory":
        yield InMemoryScoreboardStore()
        return
    async with begun(request) as client:
        yield RedisScoreboardStore(client, log_epoch=0, state=keys.FIRST_STATE)


def records(start: int, next_offset: int, **packed: bytes) -> LedgerCommit:
    return LedgerCommit(start, next_offset, packed, {"acme/native": 7}, 7)


def changes(start: int, next_offset: int, **parts: Any) -> ScoreboardCommit:
    empty: dict[str, Any] = {
        "pages": {}, "cells": {}, "values": {}, "unmapped": {}, "unconverted": {}, "changed": set(),
    }  # fmt: skip
    return ScoreboardCommit(start, next_offset, 7, **empty | parts)


async def cell_of(store: ScoreboardStore) -> bytes | None:
    held = await store.read(0, ScoreboardWanted({}, {ANA: [CELL]}))
    return held.cells[ANA][0]


async def test_a_chunk_applies_once(ledger_store: LedgerStore) -> None:
    assert await ledger_store.commit(0, records(0, 5)) is Fenced.APPLIED
    assert await ledger_store.commit(0, records(0, 5)) is Fenced.DONE


async def test_a_chunk_with_other_borders_is_not_applied(ledger_store: LedgerStore) -> None:
    await ledger_store.commit(0, records(0, 5))
    assert await ledger_store.commit(0, records(3, 8, a=b"x")) is Fenced.BETWEEN
    assert (await ledger_store.read(0, ["a"])).records == [None]


async def test_a_chunk_beyond_the_state_is_not_applied(ledger_store: LedgerStore) -> None:
    assert await ledger_store.commit(0, records(3, 8, a=b"x")) is Fenced.BACK
    assert (await ledger_store.read(0, ["a"])).records == [None]


async def test_records_come_back_as_they_went_in_any_bytes(ledger_store: LedgerStore) -> None:
    await ledger_store.commit(0, records(0, 1, a=BYTES, b=b""))
    assert (await ledger_store.read(0, ["b", "absent", "a"])).records == [b"", None, BYTES]


async def test_more_records_than_a_command_takes_arguments(ledger_store: LedgerStore) -> None:
    many = {f"k{i}": b"%d" % i for i in range(9_000)}
    await ledger_store.commit(0, LedgerCommit(0, 9_000, many, {}, 0))
    assert (await ledger_store.read(0, list(many))).records == list(many.values())


async def test_records_come_with_the_offset_that_they_are_of(ledger_store: LedgerStore) -> None:
    await ledger_store.commit(0, records(0, 5, a=b"x"))
    assert await ledger_store.read(0, ["a"]) == LedgerHeld(5, [b"x"])


async def test_asking_for_no_record_answers_none(ledger_store: LedgerStore) -> None:
    assert (await ledger_store.read(0, [])).records == []


async def test_pages_and_cells_come_back_in_the_order_asked(store: ScoreboardStore) -> None:
    await store.commit(0, changes(0, 1, pages={DAY: {"f1": BYTES, "f2": b"2"}}, cells={ANA: {CELL: BYTES}}))
    held = await store.read(0, ScoreboardWanted({DAY: ["f2", "f3", "f1"]}, {ANA: ["now", CELL]}))
    assert held == ScoreboardHeld({DAY: [b"2", None, BYTES]}, {ANA: [None, BYTES]})


async def test_a_cell_set_to_none_is_gone(store: ScoreboardStore) -> None:
    await store.commit(0, changes(0, 1, cells={ANA: {CELL: b"x"}}))
    await store.commit(0, changes(1, 2, cells={ANA: {CELL: None}}))
    assert await cell_of(store) is None


async def test_a_fenced_chunk_changes_no_cell(store: ScoreboardStore) -> None:
    await store.commit(0, changes(0, 2, cells={ANA: {CELL: b"x"}}))
    assert await store.commit(0, changes(1, 3, cells={ANA: {CELL: b"y"}})) is Fenced.BETWEEN
    assert await cell_of(store) == b"x"


async def test_asking_for_nothing_answers_nothing(store: ScoreboardStore) -> None:
    assert await store.read(0, ScoreboardWanted({}, {})) == ScoreboardHeld({}, {})


def refold(position: int, refolds: int, **parts: Any) -> Refold:
    empty: dict[str, Any] = {"footing": "f", "cells": {}, "values": {}, "unconverted": {}}
    return Refold(ANA, position, refolds, **empty | parts)


async def test_a_rep_who_is_folded_anew_has_the_new_cells_only(store: ScoreboardStore) -> None:
    await store.commit(0, changes(0, 1, cells={ANA: {CELL: b"old", "now": b"old"}}))
    assert await store.refold(0, refold(1, 0, cells={CELL: BYTES}))
    held = await store.read(0, ScoreboardWanted({}, {ANA: [CELL, "now"]}))
    assert held.cells[ANA] == [BYTES, None]


async def test_a_rep_who_is_folded_anew_keeps_her_pages(store: ScoreboardStore) -> None:
    names, entry = encode_pages(["2026-11-23", "open"]), PageEntry(Revision(1), None)
    await store.commit(0, changes(0, 1, pages={DAY: {"f1": encode_entry(entry)}}, cells={ANA: {PAGES_FIELD: names}}))
    await store.refold(0, refold(1, 0))
    assert await store.pages(0, ANA) == (1, ["2026-11-23", "open"])
    assert await store.entries(0, ANA, ["2026-11-23", "open"]) == [{"f1": entry}, {}]


async def test_who_never_had_a_fact_has_no_pages(store: ScoreboardStore) -> None:
    assert await store.pages(0, ANA) == (0, [])


async def test_folds_anew_are_counted_with_the_footing_of_each_rep(store: ScoreboardStore) -> None:
    assert await store.footings(0) == (0, {})
    await store.refold(0, refold(0, 0))
    await store.refold(0, refold(0, 1, footing=""))
    assert await store.footings(0) == (2, {ANA: ""})


async def test_what_is_counted_is_told_with_its_version(store: ScoreboardStore) -> None:
    place = VALUES[2:]
    await store.commit(0, changes(0, 1, cells={ANA: {CELL: BYTES}}, values={VALUES: {"a-1": 2}}, changed={ANA}))
    assert await store.counted(0, ANA, [place, ("accounts", "elsewhere")]) == Counted(
        1, {CELL: BYTES}, {place: {"a-1": 2}}
    )


async def test_of_nobody_nothing_is_counted(store: ScoreboardStore) -> None:
    assert await store.counted(0, ("acme", "nobody"), []) == Counted(0, {}, {})


async def test_a_partition_tells_its_mark(store: ScoreboardStore) -> None:
    await store.commit(0, changes(0, 1))
    assert await store.mark(0) == 7


@pytest.mark.parametrize(("position", "refolds"), [(0, 1), (2, 1), (1, 0), (1, 2)])
async def test_a_fold_of_another_state_is_refused(store: ScoreboardStore, position: int, refolds: int) -> None:
    await store.refold(0, refold(0, 0))
    await store.commit(0, changes(0, 1, cells={ANA: {CELL: b"x"}}, refolds=1))
    assert not await store.refold(0, refold(position, refolds))
    assert await cell_of(store) == b"x"


async def test_a_chunk_counted_before_a_fold_anew_is_not_applied(store: ScoreboardStore) -> None:
    await store.refold(0, refold(0, 0))
    assert await store.commit(0, changes(0, 1, cells={ANA: {CELL: b"x"}})) is Fenced.BETWEEN
    assert await store.commit(0, changes(0, 1, cells={ANA: {CELL: b"x"}}, refolds=1)) is Fenced.APPLIED


@pytest.mark.redis
async def test_a_fold_anew_replaces_values_and_amounts_without_a_rate(redis: Redis) -> None:
    store, tag = (
        RedisScoreboardStore(redis, log_epoch=0, state=keys.FIRST_STATE),
        keys.scoreboard_tag(0, keys.FIRST_STATE),
    )
    await store.commit(0, changes(0, 1, values={VALUES: {"a-1": 2}}, unconverted={"f": "USD", "g": "CHF"}))
    gone, values = [VALUES[2:]], {("other", CELL): {"b": 3}}
    await store.refold(0, refold(1, 0, gone=gone, values=values, unconverted={"f": None, "h": "GBP"}))
    assert not await redis.exists(keys.values_key(tag, *VALUES))
    assert await redis.hgetall(keys.values_key(tag, *ANA, "other", CELL)) == {b"b": b"3"}
    assert await redis.hgetall(keys.unconverted_key(tag)) == {b"g": b"CHF", b"h": b"GBP"}


@pytest.mark.redis
async def test_a_fold_anew_says_what_the_cells_count(redis: Redis) -> None:
    store, tag = (
        RedisScoreboardStore(redis, log_epoch=0, state=keys.FIRST_STATE),
        keys.scoreboard_tag(0, keys.FIRST_STATE),
    )
    await store.refold(0, refold(0, 0, folded="calls=count"))
    assert await redis.hget(keys.cells_key(tag, *ANA), keys.FOLDED_FIELD) == b"calls=count"


@pytest.mark.redis
async def test_a_rep_folded_anew_has_a_greater_version_and_waits_to_be_published(redis: Redis) -> None:
    store, tag = (
        RedisScoreboardStore(redis, log_epoch=0, state=keys.FIRST_STATE),
        keys.scoreboard_tag(0, keys.FIRST_STATE),
    )
    await store.commit(0, changes(0, 1, changed={ANA}))
    await redis.delete(keys.changed_key(tag))
    await store.refold(0, refold(1, 0))
    assert await redis.hget(keys.cells_key(tag, *ANA), "version") == b"2"
    assert await redis.smembers(keys.changed_key(tag)) == {b"acme/ana"}


@pytest.mark.redis
async def test_a_distinct_value_whose_facts_are_gone_is_gone(redis: Redis) -> None:
    store = RedisScoreboardStore(redis, log_epoch=0, state=keys.FIRST_STATE)
    await store.commit(0, changes(0, 1, values={VALUES: {"a-1": 2, "a-2": 1}}))
    await store.commit(0, changes(1, 2, values={VALUES: {"a-1": -1, "a-2": -1}}))
    assert await redis.hgetall(keys.values_key(keys.scoreboard_tag(0, keys.FIRST_STATE), *VALUES)) == {b"a-1": b"1"}


@pytest.mark.redis
async def test_a_changed_rep_has_a_greater_version_and_waits_to_be_published(redis: Redis) -> None:
    store, tag = (
        RedisScoreboardStore(redis, log_epoch=0, state=keys.FIRST_STATE),
        keys.scoreboard_tag(0, keys.FIRST_STATE),
    )
    await store.commit(0, changes(0, 1, changed={ANA}))
    await store.commit(0, changes(1, 2, changed={ANA}))
    assert await redis.hget(keys.cells_key(tag, *ANA), "version") == b"2"
    assert await redis.smembers(keys.changed_key(tag)) == {b"acme/ana"}


@pytest.mark.redis
async def test_unmapped_and_unconverted_are_listed_until_they_are_settled(redis: Redis) -> None:
    store, tag = (
        RedisScoreboardStore(redis, log_epoch=0, state=keys.FIRST_STATE),
        keys.scoreboard_tag(0, keys.FIRST_STATE),
    )
    await store.commit(0, changes(0, 1, unmapped={"o": 2, "p": 1}, unconverted={"f": "USD", "g": "CHF"}))
    await store.commit(0, changes(1, 2, unmapped={"p": -1}, unconverted={"f": None}))
    assert await redis.hgetall(keys.unmapped_key(tag)) == {b"o": b"2"}
    assert await redis.hgetall(keys.unconverted_key(tag)) == {b"g": b"CHF"}


@pytest.mark.redis
async def test_a_mark_and_a_sources_time_never_go_back(redis: Redis) -> None:
    store, tag = RedisLedgerStore(redis, log_epoch=0, state=keys.FIRST_STATE), keys.ledger_tag(0, keys.FIRST_STATE)
    late = 1_795_469_189_599_784
    await store.commit(0, LedgerCommit(0, 1, {}, {"acme/native": late}, late))
    await store.commit(0, LedgerCommit(1, 2, {}, {"acme/native": 5}, 5))
    assert int(await redis.get(keys.mark_key(tag))) == late
    assert int(await redis.hget(keys.sources_key(tag), "acme/native")) == late


@pytest.mark.redis
async def test_offsets_of_a_late_log_epoch_stay_exact(redis: Redis) -> None:
    store, epoch = RedisLedgerStore(redis, log_epoch=4_000, state=keys.FIRST_STATE), 4_000
    stored = (epoch << 40) + 123_456_789
    await redis.set(keys.offset_key(keys.ledger_tag(0, keys.FIRST_STATE)), stored)
    assert await store.commit(0, LedgerCommit(123_456_789, 123_456_790, {}, {}, 0)) is Fenced.APPLIED
    assert int(await redis.get(keys.offset_key(keys.ledger_tag(0, keys.FIRST_STATE)))) == stored + 1


@pytest.mark.redis
async def test_a_lost_offset_is_state_gone_back(redis: Redis) -> None:
    await redis.delete(keys.offset_key(keys.ledger_tag(0, keys.FIRST_STATE)))
    assert await RedisLedgerStore(redis, log_epoch=0, state=keys.FIRST_STATE).commit(0, records(0, 1)) is Fenced.BACK


async def scanned(store: LedgerStore, count: int) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    cursor = 0
    while True:
        part = await store.scan(0, cursor, count)
        found.update(part.records)
        cursor = part.cursor
        if not cursor:
            return found


async def test_a_scan_meets_every_record(ledger_store: LedgerStore) -> None:
    many = {f"k{i}": b"%d" % i for i in range(3_000)}
    await ledger_store.commit(0, LedgerCommit(0, 3_000, many | {"any": BYTES}, {}, 0))
    assert await scanned(ledger_store, 100) == many | {"any": BYTES}


async def test_a_scan_tells_of_which_position_the_records_are(ledger_store: LedgerStore) -> None:
    await ledger_store.commit(0, records(0, 5, a=b"x", b=b"y"))
    part = await ledger_store.scan(0, 0, 500)
    assert (part.position, part.total) == (5, 2)


async def test_a_scan_of_nothing_is_over_at_once(ledger_store: LedgerStore) -> None:
    assert await scanned(ledger_store, 100) == {}


async def test_a_succession_is_replaced_by_who_knows_it(ledger_store: LedgerStore) -> None:
    assert await ledger_store.succession(0) == (0, None)
    assert await ledger_store.succeed(0, b"", BYTES)
    assert await ledger_store.succeed(0, BYTES, b"next")
    assert await ledger_store.succession(0) == (0, b"next")


async def test_a_succession_that_is_another_meanwhile_is_kept(ledger_store: LedgerStore) -> None:
    await ledger_store.succeed(0, b"", BYTES)
    assert not await ledger_store.succeed(0, b"", b"other")
    assert await ledger_store.succession(0) == (0, BYTES)
