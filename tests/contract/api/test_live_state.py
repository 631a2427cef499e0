"""Readers follow the live state, whatever they knew before."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from services.api.adapters.fact_pages import RedisPages
from shared.adapters.live_state import KNOWN_SECONDS, LiveState
from shared.adapters.scoreboard_reader import ScoreboardReader
from shared.contracts import keys
from shared.contracts.messages import encode_cell, encode_entry
from shared.domain.accumulators import Accumulator
from shared.domain.cells import CellQuery
from shared.domain.facts import PageEntry, Revision
from tests.support.real_redis import RealRedis

PARTITIONS = {"facts_partitions": 3, "events_partitions": 5}
WANTED = {"ana": CellQuery(frozenset({"d2026-11-23"}))}
pytestmark = pytest.mark.redis


@pytest.fixture
async def redis(redis_server: RealRedis) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_server.url)
    await client.hset(keys.LAYOUT, mapping=PARTITIONS)
    yield client
    await client.aclose()


async def _count(redis: Redis, state: str, calls: int) -> None:
    tag = keys.scoreboard_tag(keys.scoreboard_partition("acme", "ana", 3), state)
    cell = encode_cell({"calls": Accumulator(calls)})
    await redis.hset(keys.cells_key(tag, "acme", "ana"), mapping={"version": 1, "d2026-11-23": cell})
    entry = encode_entry(PageEntry(Revision(calls), None))
    await redis.hset(keys.page_key(tag, "acme", "ana", "2026-11-23"), "f", entry)


async def _calls(board: ScoreboardReader) -> int:
    return (await board.read("acme", WANTED))["ana"].cells["d2026-11-23"]["calls"].count


async def test_readers_read_the_state_that_is_live_from_the_moment_that_it_is(redis: Redis) -> None:
    board, pages = ScoreboardReader(redis), RedisPages(redis)
    await _count(redis, keys.FIRST_STATE, 1)
    await _count(redis, "r2", 2)
    assert await _calls(board) == 1
    await redis.hset(keys.LAYOUT, keys.STATE_FIELD, "r2")
    assert await _calls(board) == 2
    assert (await pages.entries("acme", "ana", ["2026-11-23"]))[0].revision == Revision(2)


async def test_what_is_known_of_the_layout_is_half_a_second_old_at_most(redis: Redis) -> None:
    now = 0.0
    live = LiveState(redis, lambda: now)
    assert (await live.layout()).name == keys.FIRST_STATE
    await redis.hset(keys.LAYOUT, mapping={keys.STATE_FIELD: "r2", "facts_partitions": 4})
    assert (await live.layout()).facts == 3
    now = KNOWN_SECONDS + 0.01
    found = await live.layout()
    assert (found.name, found.facts, len(found.ledger_tags())) == ("r2", 4, 5)


async def test_a_layout_that_nobody_wrote_yet_is_asked_for_again(redis: Redis) -> None:
    await redis.delete(keys.LAYOUT)
    live = LiveState(redis)
    assert (await live.layout()).facts == 0
    await redis.hset(keys.LAYOUT, mapping=PARTITIONS)
    assert (await live.layout()).facts == 3


def test_the_first_states_keys_are_those_of_deployments_that_know_of_no_states() -> None:
    assert keys.ledger_tag(7, keys.FIRST_STATE) == "pacer:{l07}:"
    assert keys.scoreboard_tag(11, keys.FIRST_STATE) == "pacer:{s11}:"


def test_states_share_nothing_but_the_slot() -> None:
    assert keys.scoreboard_tag(11, "r2") == "pacer/r2:{s11}:"
