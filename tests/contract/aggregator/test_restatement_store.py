"""Marks and restatements: one suite for the fake, a real Redis and a cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from redis.asyncio import Redis

from services.aggregator.adapters.redis_scoreboard_store import RedisScoreboardStore
from services.aggregator.domain.stored import Marks, Refold, ScoreboardCommit
from services.aggregator.ports import Fenced, RestatementStore, ScoreboardStore
from services.api.adapters.told_restatements import RedisRestatements
from shared.contracts import keys
from shared.contracts.messages import encode_cell, encode_pages
from shared.contracts.restatements import Caused, cause_field, encode_caused, mark_field, value_fields
from shared.domain.accumulators import Accumulator
from shared.domain.cells import CellQuery
from shared.domain.restatements import RESTATEMENTS_KEPT, Cause, CountedCells, Restatement
from tests.support.aggregator_stores import InMemoryScoreboardStore
from tests.support.redis_cluster import REAL, open_real_redis

ANA, CELL = ("acme", "ana"), "d2026-11-20"
DAY, ON, NEXT = date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 24)
CALLS = encode_cell({"calls": Accumulator(3, Decimal("1.5"))})
CAUSE, OTHER = Cause(7, "native/call/c-1#logged", "e-1", 9), Cause(8, "native/call/c-2#logged", "e-2", 10)
PLACE = ("accounts", CELL)


@pytest.fixture(params=["in_memory", *REAL])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[ScoreboardStore]:
    if request.param == "in_memory":
        yield InMemoryScoreboardStore()
        return
    async with open_real_redis(request) as client:
        await client.set(keys.offset_key(keys.scoreboard_tag(0, keys.FIRST_STATE)), 0)
        yield RedisScoreboardStore(client, log_epoch=0, state=keys.FIRST_STATE)


@pytest.fixture
def told(store: ScoreboardStore) -> RestatementStore:
    return store.restatements


async def commit(store: ScoreboardStore, start: int, marks: Marks, **parts: Any) -> Fenced:
    empty: dict[str, Any] = {
        "pages": {}, "cells": {}, "values": {}, "unmapped": {}, "unconverted": {}, "changed": {ANA},
    }  # fmt: skip
    return await store.commit(0, ScoreboardCommit(start, start + 1, 7, **empty | parts, marks={ANA: marks}))


def marks(packed: bytes = CALLS, cause: Cause = CAUSE, on: date = ON, **values: int) -> Marks:
    causes = {cause_field(on, DAY, cause): encode_caused(Caused(cause, ["calls"]))}
    return Marks({mark_field(on, CELL): packed}, causes, value_fields(on, CELL, "accounts", values))


async def test_a_rep_without_marks_has_none(told: RestatementStore) -> None:
    assert await told.marks(0, ANA) is None
    assert await told.marked(0, 10) == (0, [])


async def test_marks_come_back_as_they_were_made(store: ScoreboardStore, told: RestatementStore) -> None:
    await commit(store, 0, marks(**{"a/1": 2}))
    found = await told.marks(0, ANA)
    assert found is not None
    assert found.cells == {(ON, CELL): {"calls": Accumulator(3, Decimal("1.5"))}}
    assert found.causes == {(ON, DAY, "calls"): CAUSE}
    assert found.values == {(ON, CELL, "accounts"): {"a/1": 2}}
    assert await told.marked(0, 10) == (1, [ANA])


async def test_what_was_marked_first_stays(store: ScoreboardStore, told: RestatementStore) -> None:
    await commit(store, 0, marks(b""))
    await commit(store, 1, marks(CALLS, OTHER))
    found = await told.marks(0, ANA)
    assert found is not None
    assert (found.cells, found.causes) == ({(ON, CELL): {}}, {(ON, DAY, "calls"): CAUSE})


async def test_each_day_of_receipt_has_marks_of_its_own(store: ScoreboardStore, told: RestatementStore) -> None:
    await commit(store, 0, marks(b""))
    await commit(store, 1, marks(CALLS, OTHER, NEXT))
    found = await told.marks(0, ANA)
    assert found is not None
    assert found.days == [ON, NEXT]


async def test_changes_of_values_add_up(store: ScoreboardStore, told: RestatementStore) -> None:
    await commit(store, 0, marks(a=2, b=1))
    await commit(store, 1, marks(a=-1, b=-1))
    found = await told.marks(0, ANA)
    assert found is not None
    assert found.values == {(ON, CELL, "accounts"): {"a": 1}}


async def test_a_fenced_chunk_marks_nothing(store: ScoreboardStore, told: RestatementStore) -> None:
    assert await commit(store, 5, marks()) is Fenced.BACK
    assert await told.marks(0, ANA) is None


async def test_cells_are_read_as_they_are_now(store: ScoreboardStore, told: RestatementStore) -> None:
    await commit(store, 0, marks(), cells={ANA: {CELL: CALLS}}, values={(*ANA, *PLACE): {"a": 2}})
    found = await told.marks(0, ANA)
    assert found is not None
    query = CellQuery(frozenset({CELL, "m2026-11"}), frozenset({PLACE}), frozenset({("talk", CELL)}))
    assert await told.current(0, ANA, query, found.version) == CountedCells(
        {CELL: {"calls": Accumulator(3, Decimal("1.5"))}}, {PLACE: {"a": 2}, ("talk", CELL): {}}
    )


async def test_cells_under_newer_marks_are_not_read(store: ScoreboardStore, told: RestatementStore) -> None:
    await commit(store, 0, marks())
    found = await told.marks(0, ANA)
    await commit(store, 1, marks(cause=OTHER))
    assert found is not None
    assert await told.current(0, ANA, CellQuery(frozenset({CELL})), found.version) is None
    assert not await told.tell(0, ANA, found.version, [restated(1)])
    assert await told.marked(0, 10) == (1, [ANA])


async def test_telling_ends_the_marks(store: ScoreboardStore, told: RestatementStore) -> None:
    await commit(store, 0, marks(a=1))
    found = await told.marks(0, ANA)
    assert found is not None
    assert await told.tell(0, ANA, found.version, [restated(1)])
    assert await told.marks(0, ANA) is None
    assert await told.marked(0, 10) == (0, [])
    assert not await told.tell(0, ANA, found.version, [restated(1)]), "a second worker tells nothing"


async def test_marks_of_a_later_life_are_not_those_of_the_one_before(
    store: ScoreboardStore, told: RestatementStore
) -> None:
    await commit(store, 0, marks())
    first = await told.marks(0, ANA)
    assert first is not None
    await told.tell(0, ANA, first.version, [])
    await commit(store, 1, marks())
    assert not await told.tell(0, ANA, first.version, [restated(1)])


def restated(after: int) -> Restatement:
    return Restatement("ana", "calls", "calls", ("day", "2026-11-20"), None, Decimal(after), CAUSE)


async def test_a_fold_anew_keeps_what_it_tells_and_the_terms_of_its_footing(
    store: ScoreboardStore, told: RestatementStore
) -> None:
    assert await told.terms(0, "digest") is None
    refold = Refold(ANA, 0, 0, "footing", {}, {}, {}, terms={"digest": b"terms"}, told=[restated(1)])
    assert await store.refold(0, refold)
    assert await told.terms(0, "digest") == b"terms"


async def test_all_that_a_rep_has_is_read_without_what_is_beside_her_cells(store: ScoreboardStore) -> None:
    beside = {name: encode_pages([]) for name in (keys.PAGES_FIELD, keys.PACKED_FIELD)}
    await commit(store, 0, marks(), cells={ANA: {CELL: CALLS, "now": CALLS, **beside}})
    assert set((await store.counted(0, ANA, ())).cells) == {CELL, "now"}


@pytest.fixture(params=REAL)
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    async with open_real_redis(request) as client:
        yield client


async def test_the_last_restatements_are_kept_the_last_one_first(client: Redis) -> None:
    await client.hset(keys.LAYOUT, mapping={"events_partitions": 1, "facts_partitions": 1})
    await client.set(keys.offset_key(keys.scoreboard_tag(0, keys.FIRST_STATE)), 0)
    store = RedisScoreboardStore(client, log_epoch=0, state=keys.FIRST_STATE)
    for start, found in enumerate(([restated(1)], [restated(n) for n in range(RESTATEMENTS_KEPT + 5)])):
        await commit(store, start, marks())
        known = await store.restatements.marks(0, ANA)
        assert known is not None
        await store.restatements.tell(0, ANA, known.version, found)
    read = await RedisRestatements(client).of("acme", ["ana", "bo"], 2)
    assert read == [restated(RESTATEMENTS_KEPT + 4), restated(RESTATEMENTS_KEPT + 3)]
    assert len(await RedisRestatements(client).of("acme", ["ana"], 10_000)) == RESTATEMENTS_KEPT


async def test_what_a_fold_anew_tells_comes_after_what_was_told_before(client: Redis) -> None:
    await client.hset(keys.LAYOUT, mapping={"events_partitions": 1, "facts_partitions": 1})
    await client.set(keys.offset_key(keys.scoreboard_tag(0, keys.FIRST_STATE)), 0)
    store = RedisScoreboardStore(client, log_epoch=0, state=keys.FIRST_STATE)
    for refolds, found in enumerate(([restated(1), restated(2)], [], [restated(3)])):
        assert await store.refold(0, Refold(ANA, 0, refolds, "footing", {}, {}, {}, told=found))
    assert await RedisRestatements(client).of("acme", ["ana"], 10) == [restated(3), restated(2), restated(1)]
