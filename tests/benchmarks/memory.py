"""Bytes in Redis: a record, a recent fact, a packed fact, and what a rep's numbers take a day.

    python -m tests.benchmarks.memory [--write]

Both stages on a server of their own, without Kafka; facts as varied as a sales floor's (``tests/support/sales_pages``),
KPIs as in ``tests/support/aggregator_tenant``. With ``--write`` the figures and the table that follows from them are
put into docs/capacity.md.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct
from redis.asyncio import Redis

from shared.domain.changes import RecordChange
from shared.domain.instants import DAY_US
from tests.benchmarks.report import Row
from tests.support.aggregator_tenant import counting_tenant
from tests.support.real_redis import RealRedis
from tests.support.sales_pages import FIRST_DAY, as_changes, sales_page
from tests.support.stored_floor import StoredFloor

REPS, DAYS = 20, 44
FACTS_A_DAY = (10, 30, 60)
NAME = "memory"
WANTED_PACKED = 40
HEAVY = 60
CAPACITY = Path(__file__).resolve().parents[2] / "docs" / "capacity.md"
BEGIN, END = "<!-- measured: python -m tests.benchmarks.memory --write -->\n", "<!-- end of what was measured -->\n"
RECENT_DAYS = 23
"""Working days of a month that is not packed yet."""
TABLE_REPS, TABLE_DAYS = (10, 100, 1_000, 10_000), (65, 285)
"""Working days of 90 and of 400 days."""


class Footprint(Struct, frozen=True):
    """Bytes at so many facts a rep and day.

    record, recent: of one record and fact of the last month. squeezed, packed: of one that is older. beside: cells and
    values a rep and day.
    """

    facts_a_day: int
    record: float
    recent: float
    squeezed: float
    packed: float
    beside: float

    def total(self, reps: int, days: int) -> float:
        """Bytes of so many reps with that many facts on each of so many days."""
        recent = min(days, RECENT_DAYS)
        facts = recent * (self.record + self.recent) + (days - recent) * (self.squeezed + self.packed)
        return reps * (self.facts_a_day * facts + days * self.beside)


def run(_: object, *, quick: bool) -> list[Row]:
    """The figures for the table of all benchmarks."""
    return rows(measure(few=quick))


def measure(*, few: bool = False) -> list[Footprint]:
    """At each of the rates; a server for each."""
    return [asyncio.run(_measure(facts)) for facts in ((HEAVY,) if few else FACTS_A_DAY)]


async def _measure(facts_a_day: int) -> Footprint:
    with tempfile.TemporaryDirectory() as directory:
        server = RealRedis(Path(directory), durable=False)
        server.start()
        try:
            async with Redis.from_url(server.url) as redis:
                return await _filled(redis, facts_a_day)
        finally:
            server.kill()


async def _filled(redis: Redis, facts_a_day: int) -> Footprint:
    reps = [f"rep-{number}" for number in range(REPS)]
    floor = StoredFloor(redis, counting_tenant(reps))
    await floor.begin()
    for day in range(DAYS):
        await floor.take(_day(reps, day, facts_a_day))
    facts = REPS * DAYS * facts_a_day
    record, recent = await _size(redis, ":records") / facts, await _size(redis, ":p:") / facts
    beside = await _size(redis, ":c:") + await _size(redis, ":x:")
    await floor.sweep(FIRST_DAY + (DAYS + 60) * DAY_US)
    squeezed, packed = await _size(redis, ":records") / facts, await _size(redis, ":z:") / facts
    names = await _size(redis, ":c:") + await _size(redis, ":x:") - beside
    return Footprint(facts_a_day, record, recent, squeezed, packed + names / facts, beside / (REPS * DAYS))


def _day(reps: list[str], day: int, facts: int) -> Iterator[RecordChange]:
    """A day's events of everybody, in the order of their times."""
    made = [
        change
        for number, rep in enumerate(reps)
        for change in as_changes(sales_page(facts, seed=1_000 * day + number, day=FIRST_DAY + day * DAY_US), owner=rep)
    ]
    return iter(sorted(made, key=lambda change: change.occurred_at))


async def _size(redis: Redis, part: str) -> int:
    """Bytes of the keys with a part in their names, by Redis's own count of everything in them."""
    size = 0
    async for key in redis.scan_iter(match=f"*{part}*", count=1000):
        size += int(await redis.memory_usage(key, samples=0) or 0)
    return size


def rows(found: list[Footprint]) -> list[Row]:
    """For the table of all benchmarks."""
    shown = []
    for each in found:
        at = f"at {each.facts_a_day} facts a day"
        shown += [
            Row(what=f"Redis, a record, {at}", value=each.record, unit="bytes"),
            Row(what=f"Redis, a squeezed record, {at}", value=each.squeezed, unit="bytes", baseline=each.record),
            Row(what=f"Redis, a recent fact, {at}", value=each.recent, unit="bytes"),
            Row(
                what=f"Redis, a packed fact, {at}",
                value=each.packed,
                unit="bytes",
                baseline=each.recent,
                wanted=f"< {WANTED_PACKED}",
                met=each.packed < WANTED_PACKED,
            ),
            Row(what=f"Redis, cells and values of a rep's day, {at}", value=each.beside, unit="bytes"),
        ]
    return shown


def block(found: list[Footprint]) -> str:
    """The generated part of docs/capacity.md."""
    lines = ["| facts a rep and day | a record | a fact | an old record | an old fact | cells and values of a day |"]
    lines.append("|---|---|---|---|---|---|")
    for each in found:
        figures = (each.record, each.recent, each.squeezed, each.packed, each.beside)
        lines.append(f"| {each.facts_a_day} | " + " | ".join(f"{figure:,.0f}" for figure in figures) + " |")
    lines += ["", "| reps | facts a rep and day | " + " | ".join(f"{days} days" for days in TABLE_DAYS) + " |"]
    lines.append("|---|---|" + "---|" * len(TABLE_DAYS))
    for reps in TABLE_REPS:
        for each in found:
            sizes = (_shown(each.total(reps, days)) for days in TABLE_DAYS)
            lines.append(f"| {reps:,} | {each.facts_a_day} | " + " | ".join(sizes) + " |")
    return "\n".join(lines) + "\n"


def _shown(size: float) -> str:
    mebibytes = size / 1_048_576
    return f"{mebibytes / 1024:,.1f} GiB" if mebibytes >= 1024 else f"{mebibytes:,.0f} MiB"


def main(arguments: list[str]) -> None:
    """Prints the block, or puts it in its place."""
    found = block(measure())
    print(found)
    if "--write" in arguments:
        before, _, rest = CAPACITY.read_text("utf-8").partition(BEGIN)
        CAPACITY.write_text(before + BEGIN + found + END + rest.partition(END)[2], "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
