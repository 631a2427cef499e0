"""A year on a real Redis: facts are packed, corrected, read, folded anew, and go, without a wrong number."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeAlias

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from services.aggregator.domain.ageing import SweptKind
from services.api.adapters.fact_pages import RedisPages
from shared.adapters.scoreboard_reader import ScoreboardReader
from shared.domain.accumulators import Accumulator
from shared.domain.cells import STATE_CELL, CellQuery
from shared.domain.changes import RecordChange
from shared.domain.facts import PageEntry, utc_day
from shared.domain.instants import DAY_US, SECOND_US
from tests.support.aggregator_edits import EDITS
from tests.support.aggregator_tenant import counting_tenant
from tests.support.changes import change
from tests.support.redis_cluster import REAL, open_real_redis
from tests.support.sales_pages import FIRST_DAY, as_changes, sales_page
from tests.support.stored_floor import StoredFloor

TENANT = replace(counting_tenant(), retention_days=100)
REPS, DAYS = ("ana", "bo", "ghost"), 12
PACKED_AT = FIRST_DAY + 44 * DAY_US
GONE_AT = FIRST_DAY + 105 * DAY_US
PAGES = [utc_day(FIRST_DAY + day * DAY_US) for day in range(-2, DAYS + 1)]
CELLS = [STATE_CELL, "m2026-09", "m2026-10", *(f"d{page}" for page in PAGES)]
QUERY = CellQuery(frozenset(CELLS), frozenset(("accounts_touched", cell) for cell in CELLS))
Numbers: TypeAlias = dict[str, tuple[dict[str, dict[str, Accumulator]], dict[tuple[str, str], frozenset[str]]]]

pytestmark = pytest.mark.redis


@pytest.fixture(params=REAL)
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    async with open_real_redis(request) as client:
        yield client


def history(first: int = 0) -> list[RecordChange]:
    """Every rep's facts from a day on, and a deal that was won on the first."""
    made = [
        one
        for day in range(first, DAYS)
        for number, rep in enumerate(REPS)
        for one in as_changes(sales_page(12, seed=100 * day + number, day=FIRST_DAY + day * DAY_US), owner=rep)
    ]
    fields = {"amount": "100", "currency": "GBP"}
    deal = change("deal.won", record="d-1", at=FIRST_DAY + 9 * 3600 * SECOND_US, fields=fields)
    return made if first else [*made, deal]


def late() -> list[RecordChange]:
    """A correction, a withdrawal and a fact that nobody had told of, in pages that are packed."""
    calls = [one for one in history() if one.record_type == "call" and one.owner == "ana"]
    at = calls[-1].occurred_at + DAY_US
    longer = change("call.updated", record=calls[0].record, at=at, fields={"duration_seconds": "7200"})
    gone = change("call.deleted", record=calls[20].record, at=at)
    return [longer, gone, *as_changes(sales_page(1, seed=999, day=FIRST_DAY + 2 * DAY_US), owner="ana")]


async def receipts(redis: Redis) -> dict[str, list[PageEntry]]:
    pages, names = RedisPages(redis), ["open", *PAGES]
    found = {rep: await pages.entries("acme", rep, names) for rep in ("ana", "bo", "?native/ghost")}
    return {rep: sorted(entries, key=lambda entry: entry.revision) for rep, entries in found.items()}


async def numbers(redis: Redis) -> Numbers:
    found = await ScoreboardReader(redis).read("acme", dict.fromkeys(("ana", "bo"), QUERY))
    return {
        rep: ({n: dict(c) for n, c in held.cells.items() if c}, {k: v for k, v in held.values.items() if v})
        for rep, held in found.items()
    }


async def after(redis: Redis, *parts: list[RecordChange], packs: bool) -> StoredFloor:
    """A floor that these were told to, swept in between."""
    await redis.flushall(target_nodes="all") if hasattr(redis, "get_nodes") else await redis.flushall()
    floor = StoredFloor(redis, TENANT)
    await floor.begin()
    for number, part in enumerate(parts):
        await floor.take(part, 50)
        if packs:
            await floor.sweep(PACKED_AT + 2 * number * DAY_US)
    return floor


async def test_receipts_and_numbers_are_the_same_before_and_after(redis: Redis) -> None:
    await after(redis, history(), packs=False)
    before = (await receipts(redis), await numbers(redis))
    floor = await after(redis, history(), packs=False)
    assert (await floor.sweep(PACKED_AT))[SweptKind.PAGE_PACKED] == len(REPS) * DAYS
    assert (await receipts(redis), await numbers(redis)) == before


async def test_corrections_of_packed_days_count_as_if_nothing_were_packed(redis: Redis) -> None:
    await after(redis, history(), late(), packs=False)
    expected = (await receipts(redis), await numbers(redis))
    floor = await after(redis, history(), late(), packs=True)
    assert (await receipts(redis), await numbers(redis)) == expected
    floor.restart()
    await floor.sweep(PACKED_AT + 6 * DAY_US)
    assert (await receipts(redis), await numbers(redis)) == expected


@pytest.mark.parametrize("edit", ["identity moved", "filter changed", "rates changed"])
async def test_an_edit_is_followed_on_packed_pages(redis: Redis, edit: str) -> None:
    edited = replace(EDITS[edit], retention_days=100)
    await (await after(redis, history(), late(), packs=False)).edit(edited)
    expected = (await _facts(redis), await numbers(redis))
    await (await after(redis, history(), late(), packs=True)).edit(edited)
    assert (await _facts(redis), await numbers(redis)) == expected


async def _facts(redis: Redis) -> dict[str, list[str]]:
    found = await receipts(redis)
    return {rep: sorted(str(entry.fact) for entry in entries if entry.fact) for rep, entries in found.items()}


@pytest.mark.parametrize("packs", [False, True])
async def test_what_is_too_old_goes_and_the_rest_is_what_it_would_be_alone(redis: Redis, *, packs: bool) -> None:
    await after(redis, history(first=5), packs=False)
    expected = (await _facts(redis), await numbers(redis))
    floor = await after(redis, history(), packs=packs)
    counts = await floor.sweep(GONE_AT)  # days 0 to 4 are over for 100 days and more
    assert (counts[SweptKind.PAGE_EXPIRED], counts[SweptKind.RECORD_EXPIRED]) == (5 * len(REPS), 3 * 12 * len(REPS))
    assert (await _facts(redis), await numbers(redis)) == expected
    keys_left = [key async for key in redis.scan_iter(match="*", count=1000)]
    assert not [key for key in keys_left if key.endswith(b"unconverted")]
    assert counts[SweptKind.RECORD_REDUCED] == 1
