"""While edits and events arrive, whoever reads a rep on a real Redis reads her under one configuration, whole.

No Kafka: the log is a list, so that chunks, slices and reads meet as often as possible.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest
from redis.asyncio import Redis

from services.aggregator.adapters.redis_ledger_store import RedisLedgerStore
from services.aggregator.adapters.redis_scoreboard_store import RedisScoreboardStore
from services.aggregator.ports import Chunk, Fenced
from shared.adapters.redis_client import open_redis
from shared.adapters.scoreboard_reader import ScoreboardReader
from shared.contracts import keys
from shared.domain.accumulators import Accumulator
from shared.domain.cells import CellQuery, SubjectCells, day_cell, month_cell
from shared.domain.changes import RecordChange
from shared.domain.instants import DAY_US
from shared.domain.kpis import Aggregate, Condition, Kpi, Operator
from shared.domain.periods import PeriodKind, PeriodRules
from shared.domain.readings import Readings
from shared.domain.tenant import Tenant
from shared.settings import RedisSettings
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.changes import MINUTE_US, T0, call, on_the_log
from tests.support.real_redis import RealRedis
from tests.support.tenants import kpi, rep, tenant

pytestmark = pytest.mark.redis
SECONDS = 6.0
REPS = ("ana", "bo", "cy")
PARTITIONS = 2
WEEK = PeriodRules().containing(PeriodKind.WEEK, date(2026, 11, 25))
MONTH_CELL = month_cell(WEEK.first)
MONTH_QUERY = CellQuery(
    frozenset([MONTH_CELL]), frozenset([("records", MONTH_CELL)]), frozenset([("longest", MONTH_CELL)])
)
OUTCOMES = ("connected", "voicemail", "busy")


def counting(*conditions: Condition) -> list[Kpi]:
    """Four KPIs of the same facts: however the facts are counted, the four agree about how many there are."""
    filtered = {"facts": ("call.logged",), "where": conditions}
    return [
        kpi("calls", **filtered),
        kpi("twins", **filtered),
        kpi("records", aggregate=Aggregate.DISTINCT, field="account", **filtered),
        kpi("longest", aggregate=Aggregate.PERCENTILE, percentile=Decimal(50), field="duration_seconds", **filtered),
    ]


def configured(*conditions: Condition, zone: str = "Europe/Berlin", **owners: str) -> Tenant:
    found = tenant(reps=[rep(name, team=None, zone=zone) for name in REPS], kpis=counting(*conditions))
    return msgspec.structs.replace(found, owners={("native", name): owners.get(name, name) for name in REPS})


EDITS = (
    configured(Condition("outcome", Operator.EQ, ("connected",))),
    configured(),
    configured(Condition("outcome", Operator.IN, ("busy", "voicemail")), zone="Pacific/Auckland"),
    configured(ana="bo", bo="ana"),
    configured(Condition("duration_seconds", Operator.GTE, ("60",)), zone="America/Los_Angeles"),
)
"""Filters, zones and identities; the calendar and teams are a reader's own and stored nowhere."""


@pytest.fixture
async def floor(redis_server: RealRedis) -> AsyncIterator[OnRedis]:
    async with open_redis(RedisSettings.model_validate({"url": redis_server.url})) as redis:
        await redis.hset(keys.LAYOUT, mapping={"events_partitions": 1, "facts_partitions": PARTITIONS})
        for tag in (keys.ledger_tag(0, ""), *(keys.scoreboard_tag(number, "") for number in range(PARTITIONS))):
            await redis.set(keys.offset_key(tag), 0)
        yield OnRedis(redis, EDITS[1])


class OnRedis(InMemoryFloor):
    """Both stages over a real Redis; only the logs are lists."""

    def __init__(self, redis: Redis, of: Tenant) -> None:
        super().__init__(of, PARTITIONS)
        self.ledger_store = RedisLedgerStore(redis, log_epoch=0, state="")  # type: ignore[assignment]
        self.scoreboard_store = RedisScoreboardStore(redis, log_epoch=0, state="")  # type: ignore[assignment]
        self.counted = dict.fromkeys(range(PARTITIONS), 0)
        self.restart()

    async def chunk(self, count: int) -> None:
        """So many calls through both stages, then a slice of what an edit left to do in each partition, as a worker."""
        start = len(self.log)
        self.log += on_the_log([a_call(start + number) for number in range(count)])
        handled = await self.ledger.handle(Chunk(0, start, self.log[start:]))
        assert handled.outcome is Fenced.APPLIED
        await self.ledger.settle(0)
        await self.count()
        for partition in range(PARTITIONS):
            await self.scoreboard.settle(partition)

    async def count(self) -> None:
        for partition in range(PARTITIONS):
            log, start = self.publisher.logs[partition], self.counted[partition]
            if len(log) > start:
                handled = await self.scoreboard.handle(Chunk(partition, start, log[start:]))
                assert handled.outcome is Fenced.APPLIED
                self.counted[partition] = len(log)

    async def settled(self) -> None:
        """Until everything is as configured."""
        while (await self.ledger.settle(0)).remaining:
            await self.count()
        await self.count()
        for partition in range(PARTITIONS):
            while (await self.scoreboard.settle(partition)).remaining:
                continue


def a_call(number: int) -> RecordChange:
    """One of a call's own account, within five days that are of one week and month in every zone."""
    fields = {"outcome": OUTCOMES[number % 3], "duration_seconds": str(number % 120), "account": f"a-{number}"}
    at = T0 + DAY_US + number * 37 * MINUTE_US % (4 * DAY_US)
    return call(record=f"c-{number}", at=at, owner=REPS[number * 7 % 3], fields=fields)


def torn(cells: SubjectCells) -> str | None:
    """What the four KPIs disagree about; None if they are of one configuration and of the same facts."""
    days = [day_cell(day) for day in WEEK.days()]
    for names in (days, [MONTH_CELL]):
        tally = cells.tally(names, ["records", "longest"])
        counts = {
            "calls": tally.accumulators.get("calls", Accumulator()).count,
            "twins": tally.accumulators.get("twins", Accumulator()).count,
            "records": len(tally.values.get("records", ())),
            "longest": sum(tally.numbers.get("longest", {}).values()),
        }
        if len(set(counts.values())) > 1:
            return f"{names[0]}: {counts}"
    day_total, month_total = (cells.tally(names, ()).accumulators.get("calls", Accumulator()).count
                              for names in (days, [MONTH_CELL]))  # fmt: skip
    return None if day_total == month_total else f"days {day_total}, month {month_total}"


async def read_on(url: str, until: float) -> tuple[int, Counter[str]]:
    """Reads every rep again and again: how often, and what was torn.

    The question is so long that a server takes it up in parts.
    """
    reads, found = 0, Counter[str]()
    days = [day_cell(WEEK.last - timedelta(days=number)) for number in range(150)]
    kept = frozenset(("records", name) for name in days), frozenset(("longest", name) for name in days)
    query = CellQuery(frozenset(days), *kept) | MONTH_QUERY
    async with open_redis(RedisSettings.model_validate({"url": url})) as redis:
        reader = ScoreboardReader(redis)
        while time.monotonic() < until:
            for cells in (await reader.read("acme", dict.fromkeys(REPS, query))).values():
                reads += 1
                if (problem := torn(cells)) is not None:
                    found[problem] += 1
            await asyncio.sleep(0)
    return reads, found


async def test_a_rep_is_read_under_one_configuration_while_edits_and_events_arrive(
    floor: OnRedis, redis_server: RealRedis
) -> None:
    until = time.monotonic() + SECONDS
    reading = [asyncio.create_task(asyncio.to_thread(asyncio.run, read_on(redis_server.url, until))) for _ in range(2)]
    edits = 0
    while time.monotonic() < until:
        await floor.chunk(30)
        if len(floor.log) // 150 > edits:
            edits += 1
            floor.edit(EDITS[edits % len(EDITS)])
    found = await asyncio.gather(*reading)

    assert [torn_reads for _, torn_reads in found] == [Counter(), Counter()]
    assert edits > 2 and all(reads > 20 for reads, _ in found)
    floor.edit(EDITS[1])
    await floor.settled()
    assert await calls_of_all(redis_server.url) == len(floor.log)


async def calls_of_all(url: str) -> int:
    query = Readings(EDITS[1]).query_rep(list(EDITS[1].kpis.values()), WEEK)
    async with open_redis(RedisSettings.model_validate({"url": url})) as redis:
        found = await ScoreboardReader(redis).read("acme", dict.fromkeys(REPS, query))
    days = [day_cell(day) for day in WEEK.days()]
    return sum(cells.tally(days, ()).accumulators["calls"].count for cells in found.values())
