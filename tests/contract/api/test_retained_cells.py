"""Readers see from which day on a rep's facts are whole."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from shared.adapters.scoreboard_reader import ScoreboardReader
from shared.contracts import keys
from shared.domain.cells import CellQuery
from shared.domain.instants import parse
from tests.support.real_redis import RealRedis

pytestmark = pytest.mark.redis


async def test_from_when_on_facts_are_whole_is_read_with_the_cells(redis_server: RealRedis) -> None:
    async with Redis.from_url(redis_server.url) as redis:
        await redis.hset(keys.LAYOUT, mapping={"facts_partitions": 3, "events_partitions": 3})
        tag = keys.scoreboard_tag(keys.scoreboard_partition("acme", "ana", 3), keys.FIRST_STATE)
        await redis.hset(keys.cells_key(tag, "acme", "ana"), mapping={"version": 3, "retained": "2025-02-01"})
        found = await ScoreboardReader(redis).read("acme", {"ana": CellQuery(), "bo": CellQuery()})
    assert (found["ana"].version, found["ana"].retained_from) == (3, parse("2025-02-01T00:00:00Z"))
    assert found["bo"].retained_from == 0
