"""Tells what late changes did to the readings of closed periods: marks in, restatements out, beside the chunks.

Marks are part of the commit that changes a closed cell, so that no crash loses one. They are worked off a moment later,
a rep at a time: of a burst of late events each reading is restated once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from services.aggregator.domain.stored import RepRef
from services.aggregator.ports import Catalogue, RestatementStore
from shared.domain.readings import Readings
from shared.domain.restatements import Restatement, restatements
from shared.domain.tenant import Tenant

QUIET_SECONDS, LONGEST_SECONDS = 1.0, 20.0
"""Marks of a partition gather until none has come for so long, or the first has waited for so long: while history pours
in, each reading is restated a few times, not each second."""
SLICE_SECONDS = 0.04
SHARE = 5
"""While chunks wait, marks get at most this fraction of the time."""
REPS_AT_ONCE = 50


class Restating:
    """Works off the marks of a worker's partitions; ``monotonic`` in seconds."""

    def __init__(
        self,
        store: RestatementStore,
        catalogue: Catalogue,
        *,
        telling: Callable[[int, RepRef], object],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``telling`` is called with the partition and a rep whose marks may be gone from now on."""
        self._store = store
        self._catalogue = catalogue
        self._telling = telling
        self._monotonic = monotonic
        self._due: dict[int, float] = {}
        self._latest: dict[int, float] = {}
        self._known: set[int] = set()
        self._readings: dict[str, Readings] = {}
        self._told = 0

    def told(self) -> int:
        """How many restatements were told since this was asked."""
        told, self._told = self._told, 0
        return told

    def count(self, told: int) -> None:
        """Somebody told so many beside the marks."""
        self._told += told

    def marked(self, partition: int) -> None:
        """Closed cells of the partition changed."""
        now = self._monotonic()
        latest = self._latest.setdefault(partition, now + LONGEST_SECONDS)
        self._due[partition] = min(now + QUIET_SECONDS, latest)

    def void(self, partition: int) -> None:
        """Forgets the partition: whoever owns it next looks for what is left."""
        self._due.pop(partition, None)
        self._latest.pop(partition, None)
        self._known.discard(partition)

    async def advance(self, partition: int) -> None:
        """One slice, when one is due. Raises: TransientError; the marks stay."""
        began = self._monotonic()
        if partition not in self._known:  # a former owner may have left some
            self._known.add(partition)
            self._due.setdefault(partition, began)
        if self._due.get(partition, began + 1) > began:
            return
        remaining, refs = await self._store.marked(partition, REPS_AT_ONCE)
        for ref in refs:
            await self.tell(partition, ref)
            remaining -= 1
            if self._monotonic() - began > SLICE_SECONDS:
                break
        if remaining:
            self._due[partition] = self._monotonic() + SHARE * (self._monotonic() - began)
        else:
            self._due.pop(partition, None)
            self._latest.pop(partition, None)

    async def tell(self, partition: int, ref: RepRef, readings: Readings | None = None) -> None:
        """Works off a rep's marks; if more arrive meanwhile, they are left for the next time.

        ``readings``: of the KPIs that her cells are of, where these are not those of now.
        """
        self._telling(partition, ref)
        marks = await self._store.marks(partition, ref)
        if marks is None:
            return
        tenant = self._catalogue.tenants.get(ref[0])
        rep = None if tenant is None else tenant.organisation.reps.get(ref[1])
        if tenant is None or rep is None:
            await self._store.tell(partition, ref, marks.version, ())
            return
        readings = readings or self.readings_of(tenant)
        current = await self._store.current(partition, ref, marks.query(readings), marks.version)
        if current is not None:
            found = await self._patiently(restatements(readings, rep, marks, current))
            if await self._store.tell(partition, ref, marks.version, found):
                self.count(len(found))

    async def _patiently(self, made: Iterator[Restatement]) -> list[Restatement]:
        """After an import of years a rep's take long: chunks of other partitions go on meanwhile."""
        found, began = list[Restatement](), self._monotonic()
        for each in made:
            found.append(each)
            if self._monotonic() - began > SLICE_SECONDS / 2:
                await asyncio.sleep(0)
                began = self._monotonic()
        return found

    def readings_of(self, tenant: Tenant) -> Readings:
        """A tenant's readings, compiled once a configuration."""
        known = self._readings.get(tenant.id)
        if known is None or known.tenant is not tenant:
            known = self._readings[tenant.id] = Readings(tenant)
        return known
