"""Fills Redis as the aggregator would: cells, versions, pages, marks. For tests of whoever reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from redis.asyncio import Redis

from shared.contracts import keys
from shared.contracts.messages import encode_cell, encode_entry
from shared.domain.accumulators import Accumulator
from shared.domain.cells import STATE_CELL, day_cell, month_cell
from shared.domain.facts import Fact, PageEntry, Revision
from shared.domain.instants import Micros

PARTITIONS = 4


class ScoreboardFiller:
    """Writes one tenant's numbers."""

    def __init__(self, redis: Redis, tenant: str = "acme") -> None:
        self._redis = redis
        self._tenant = tenant
        self._cells: dict[str, dict[str, dict[str, Accumulator]]] = defaultdict(lambda: defaultdict(dict))

    async def lay_out(self, *, mark: Micros | None = None) -> None:
        """What an aggregator writes at its first start, and how far it has come."""
        layout = {"events_partitions": PARTITIONS, "facts_partitions": PARTITIONS, "log_epoch": 1}
        await self._redis.hset(keys.LAYOUT, mapping=layout)
        for partition in range(PARTITIONS):
            for tag in (keys.ledger_tag(partition, keys.FIRST_STATE), keys.scoreboard_tag(partition, keys.FIRST_STATE)):
                await self._redis.set(keys.offset_key(tag), 0)
                if mark is not None:
                    await self._redis.set(keys.mark_key(tag), mark)

    async def source_spoke(self, source: str, at: Micros) -> None:
        """The last event of a source, in one partition."""
        await self._redis.hset(keys.sources_key(keys.ledger_tag(0, keys.FIRST_STATE)), f"{self._tenant}/{source}", at)

    async def count(self, rep: str, day: str, counts: Mapping[str, int | tuple[int, str]]) -> None:
        """Sets a rep's day to counts by definition, or (count, total), and its month and version with it."""
        for definition, counted in counts.items():
            count, total = counted if isinstance(counted, tuple) else (counted, "0")
            own = self._cells[rep][_day(day)]
            own[definition] = Accumulator(count, Decimal(total))
        month: dict[str, Accumulator] = {}
        for cell, accumulators in self._cells[rep].items():
            if cell.startswith(f"d{day[:7]}"):
                for definition, accumulator in accumulators.items():
                    month.setdefault(definition, Accumulator()).merge(accumulator)
        self._cells[rep][_month(day)] = month
        await self._write(rep)

    async def state(self, rep: str, counts: Mapping[str, tuple[int, str]]) -> None:
        """Sets what holds now for a rep."""
        self._cells[rep][STATE_CELL] = {d: Accumulator(c, Decimal(t)) for d, (c, t) in counts.items()}
        await self._write(rep)

    async def distinct(self, rep: str, definition: str, day: str, values: Iterable[str]) -> None:
        """Adds distinct values to a day and its month."""
        for value in values:
            for cell in (_day(day), _month(day)):
                await self._redis.hincrby(
                    keys.values_key(self._tag(rep), self._tenant, rep, definition, cell), value, 1
                )

    async def numbers(self, rep: str, definition: str, day: str, *numbers: str) -> None:
        """Adds a fact's number each to a day and its month."""
        await self.distinct(rep, definition, day, numbers)

    async def facts(self, rep: str, *facts: Fact) -> None:
        """Puts facts into a rep's pages."""
        for position, fact in enumerate(facts, start=1):
            packed = encode_entry(PageEntry(Revision(position), fact))
            await self._redis.hset(keys.page_key(self._tag(rep), self._tenant, rep, fact.page), fact.id, packed)

    async def unmapped(self, source: str, owner: str, facts: int) -> None:
        """Parks facts of an owner whom nobody claims."""
        subject = f"?{source}/{owner}"
        await self._redis.hset(keys.unmapped_key(self._tag(subject)), f"{self._tenant}/{subject}", facts)

    async def unconverted(self, rep: str, fact_id: str, currency: str) -> None:
        """Lists a fact whose amount has no rate."""
        await self._redis.hset(keys.unconverted_key(self._tag(rep)), f"{self._tenant}/{rep}/d/{fact_id}", currency)

    def _tag(self, subject: str) -> str:
        return keys.scoreboard_tag(keys.scoreboard_partition(self._tenant, subject, PARTITIONS), keys.FIRST_STATE)

    async def _write(self, rep: str) -> None:
        key = keys.cells_key(self._tag(rep), self._tenant, rep)
        packed = {name: encode_cell(cell) for name, cell in self._cells[rep].items()}
        await self._redis.hset(key, mapping=packed)
        await self._redis.hincrby(key, keys.VERSION_FIELD, 1)


def _day(text: str) -> str:
    return day_cell(date.fromisoformat(text))


def _month(text: str) -> str:
    return month_cell(date.fromisoformat(text))
