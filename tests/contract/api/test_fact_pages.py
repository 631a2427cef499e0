"""Receipts are read from pages in either form."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest
from redis.asyncio import Redis

from services.api.adapters.fact_pages import RedisPages
from shared.contracts import keys
from shared.contracts.messages import encode_entry
from shared.contracts.packed_pages import pack_page, words_of
from shared.domain.facts import PageEntry, Revision
from tests.support.redis_cluster import REAL, open_real_redis
from tests.support.sales_pages import sales_page

DAY, NEXT = "2026-09-21", "2026-09-22"
PAGE, OTHER = sales_page(20, seed=1), sales_page(30, seed=2)
TAG = keys.scoreboard_tag(keys.scoreboard_partition("acme", "ana", 3), keys.FIRST_STATE)


@pytest.fixture(params=REAL)
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    async with open_real_redis(request) as client:
        await client.hset(keys.LAYOUT, mapping={"facts_partitions": 3, "events_partitions": 3})
        yield client


def revision(entry: PageEntry) -> Revision:
    return entry.revision


async def put(redis: Redis, day: str, page: Mapping[str, PageEntry], words: bytes | None = None) -> None:
    if words is None:
        mapping = {fact_id: encode_entry(entry) for fact_id, entry in page.items()}
        await redis.hset(keys.page_key(TAG, "acme", "ana", day), mapping=mapping)
    else:
        mapping = {day: pack_page(page, words), keys.WORDS_FIELD: words}
        await redis.hset(keys.packed_key(TAG, "acme", "ana"), mapping=mapping)


async def test_pages_of_both_forms_are_read_together(redis: Redis) -> None:
    await put(redis, DAY, PAGE, words_of([PAGE]))
    await put(redis, NEXT, OTHER)
    found = await RedisPages(redis).entries("acme", "ana", [DAY, "2026-09-23", NEXT])
    assert sorted(found, key=revision) == sorted((*PAGE.values(), *OTHER.values()), key=revision)


async def test_what_nobody_has_is_nothing(redis: Redis) -> None:
    assert await RedisPages(redis).entries("acme", "ana", [DAY]) == []
    assert await RedisPages(redis).entries("acme", "ana", []) == []
