"""Compares two states: a first pass over everything while both move, and a last one over what is in doubt while they
stand still.

Cells and values are compared as they are; readings follow from them, so that only those of reps who differ are worked
out. Facts are compared page by page, since a receipt shows them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct
from redis.asyncio import Redis

from cli.rebuild.differences import Comparison, Difference, differing, touched_periods
from cli.rebuild.key_space import held
from cli.rebuild.sides import Side, differing_facts, other_cells
from services.aggregator.domain.stored import RepRef
from shared.adapters.live_state import StateLayout
from shared.domain.cells import CellQuery, SubjectCells
from shared.domain.facts import UNMAPPED_PREFIX
from shared.domain.instants import Micros
from shared.domain.periods import Period
from shared.domain.reading import Moment
from shared.domain.readings import Readings
from shared.domain.tenant import Tenant

REPS_AT_ONCE = 50
PAGES_AT_ONCE = 64
LAST_PASS_SECONDS = 8.0
"""How long the ledgers may have to stand still for reps whose numbers moved since the first pass."""
T = TypeVar("T")


class _Captured(Struct, frozen=True):
    """What a rep's readings are worked out from, of both states, before either moves again."""

    periods: list[Period]
    live: SubjectCells
    rebuilt: SubjectCells


class Comparing:
    """``live`` and ``rebuilt``: the layouts of the two. Every method that reaches out raises TransientError."""

    def __init__(self, redis: Redis, live: StateLayout, rebuilt: StateLayout, tenants: Mapping[str, Tenant]) -> None:
        self._redis = redis
        self.live, self.rebuilt = Side(redis, live), Side(redis, rebuilt)
        self._readings = {name: Readings(tenant) for name, tenant in tenants.items()}
        self._suspects: set[RepRef] = set()
        self._pages: dict[RepRef, list[str]] = {}
        self._versions: dict[RepRef, tuple[int, int]] = {}
        self._captured: dict[RepRef, _Captured | None] = {}
        self._facts: dict[RepRef, int] = {}
        self._unchecked = 0

    @property
    def reps(self) -> list[RepRef]:
        """Everybody who has cells in either state, as of the last look at the keys."""
        return sorted(self.live.has.cells | self.rebuilt.has.cells)

    @property
    def differing(self) -> set[RepRef]:
        """Reps whose cells or facts the last pass found other."""
        return self._captured.keys() | {ref for ref in self._facts if not ref[1].startswith(UNMAPPED_PREFIX)}

    async def first_pass(self) -> None:
        """Looks at everything, to know what is in doubt; after ``look``."""
        self._versions = await self.versions()
        for some in _portions(self.reps, REPS_AT_ONCE):
            self._suspects |= (await self._other_cells(some)).keys()
        for ref in sorted({*self.reps, *self.live.has.pages, *self.rebuilt.has.pages}):
            pages = await self.live.pages(ref) | await self.rebuilt.pages(ref)
            kept_from = (await self.live.retained([ref]))[0]
            doubtful = await self._other_facts(ref, sorted(page for page in pages if page >= kept_from))
            if doubtful:
                self._pages[ref] = list(doubtful)

    async def last_pass(self, now: Micros) -> None:
        """Looks again at what is in doubt, and at whoever's numbers moved; both states have to stand still."""
        began = time.monotonic()
        await self.look()
        versions = await self.versions()
        moved = [
            ref for ref, found in versions.items() if found != self._versions.get(ref) and ref not in self._suspects
        ]
        self._captured, self._facts, self._unchecked = {}, {}, 0
        for some in _portions(sorted(self._suspects), REPS_AT_ONCE):
            await self._capture(some, now)
        for some in _portions(moved, REPS_AT_ONCE):
            if time.monotonic() - began > LAST_PASS_SECONDS:
                self._unchecked += len(some)
            else:
                await self._capture(some, now)
        for ref, pages in self._pages.items():
            other = await self._other_facts(ref, pages)
            if other:
                self._facts[ref] = sum(other.values())

    async def versions(self) -> dict[RepRef, tuple[int, int]]:
        """The version of each rep in both states."""
        reps = self.reps
        live, rebuilt = await self.live.versions(reps), await self.rebuilt.versions(reps)
        return {ref: (live[number], rebuilt[number]) for number, ref in enumerate(reps)}

    def result(self, now: Micros, *, behind: int) -> Comparison:
        """What the last pass found. Works out readings: for many differing reps that takes seconds."""
        return Comparison(
            readings=[each for ref in sorted(self._captured) for each in self._differences(ref, now)],
            facts={"/".join(ref): count for ref, count in sorted(self._facts.items())},
            reps=frozenset(self.differing),
            compared=len(self.reps),
            behind=behind,
            unchecked=self._unchecked,
        )

    async def look(self) -> None:
        """Which keys there are."""
        found = await held(self._redis, self.live.layout.name, self.rebuilt.layout.name)
        for side in (self.live, self.rebuilt):
            side.has = found[side.layout.name]

    async def _other_cells(self, refs: Sequence[RepRef]) -> dict[RepRef, set[str]]:
        live, rebuilt = await self.live.cells(refs), await self.rebuilt.cells(refs)
        found = {ref: other_cells(live[number], rebuilt[number]) for number, ref in enumerate(refs)}
        return {ref: names for ref, names in found.items() if names}

    async def _other_facts(self, ref: RepRef, pages: Sequence[str]) -> dict[str, int]:
        """How many facts differ, by page that has any."""
        found: dict[str, int] = {}
        for some in _portions(pages, PAGES_AT_ONCE):
            live, rebuilt = await self.live.entries(ref, some), await self.rebuilt.entries(ref, some)
            counts = {page: differing_facts(live[number], rebuilt[number]) for number, page in enumerate(some)}
            found |= {page: count for page, count in counts.items() if count}
        return found

    async def _capture(self, refs: Sequence[RepRef], now: Micros) -> None:
        """Keeps what the readings of those who differ come from; of who is no longer configured there are none."""
        for ref, names in (await self._other_cells(refs)).items():
            readings = self._readings.get(ref[0])
            rep = None if readings is None else readings.tenant.organisation.reps.get(ref[1])
            if readings is None or rep is None:
                self._captured[ref] = None
                continue
            periods = touched_periods(names, readings.tenant.calendar.periods, rep, now=now)
            query, kpis = CellQuery(), tuple(readings.tenant.kpis.values())
            for period in periods:
                query |= readings.query_rep(kpis, period)
            live, rebuilt = await self.live.subject(ref, query), await self.rebuilt.subject(ref, query)
            self._captured[ref] = _Captured(periods, live, rebuilt)

    def _differences(self, ref: RepRef, now: Micros) -> Iterator[Difference]:
        captured = self._captured[ref]
        if captured is None:
            return
        readings, moment = self._readings[ref[0]], Moment(now)
        rep, kpis = readings.tenant.organisation.reps[ref[1]], tuple(readings.tenant.kpis.values())
        for period in captured.periods:
            live = readings.of_rep(rep, kpis, period, captured.live, moment=moment)
            rebuilt = readings.of_rep(rep, kpis, period, captured.rebuilt, moment=moment)
            yield from differing(*ref, live, rebuilt)


def _portions(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
