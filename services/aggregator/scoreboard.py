"""The scoreboard: chunks of fact changes in, pages and exact cells out (architecture sections 1 and 2).

A page entry is replaced by a greater revision only, so that what the ledger says twice or out of turn does no harm.
What the replaced entries and the new ones count is added to the cells as a difference; pages stay the truth.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from services.aggregator.domain.counting import Plan, compile_plan
from services.aggregator.domain.pages import Sheet, cells_of_page
from services.aggregator.domain.poison import PoisonLimit
from services.aggregator.poison import PoisonKeeper
from services.aggregator.ports import (
    SETTLED,
    Catalogue,
    Chunk,
    Fenced,
    Handled,
    QuarantineSink,
    RepRef,
    ScoreboardCommit,
    ScoreboardHeld,
    ScoreboardStore,
    ScoreboardWanted,
    Settlement,
    UpdatesSink,
)
from services.aggregator.posting import CellCache, Posting, Staged, stage
from shared.contracts.messages import decode_cell
from shared.contracts.topics import KPI_FACTS
from shared.domain.people import Rep
from shared.domain.tenant import Tenant

CELLS_CACHED = 40_000
"""A partition's cache is dropped when it holds more: about 40 MB. Live work touches two cells a rep."""


class _Floor(Struct):
    """A tenant's reps and what counts for them, compiled."""

    tenant: Tenant
    plan: Plan


class Scoreboard:
    """The use case; one per worker, for all its kpi.facts partitions."""

    def __init__(
        self,
        store: ScoreboardStore,
        updates: UpdatesSink,
        *,
        quarantine: QuarantineSink,
        catalogue: Catalogue,
        poison_limit: PoisonLimit | None = None,
    ) -> None:
        self._store = store
        self._updates = updates
        self._poison = PoisonKeeper(KPI_FACTS, quarantine, poison_limit)
        self._catalogue = catalogue
        self._floors: dict[str, _Floor | None] = {}
        self._generation = -1
        self._caches: dict[int, CellCache] = {}

    async def handle(self, chunk: Chunk) -> Handled:
        """Applies a chunk to pages and cells and commits. See ChunkHandler."""
        self._follow_configuration()
        staged = stage(chunk)
        await self._poison.keep(chunk, staged.poison)
        cache = self._cache(chunk.partition)
        held = await self._read(chunk.partition, staged, cache)
        commit = ScoreboardCommit(chunk.start, chunk.next_offset, staged.mark, {}, {}, {}, {}, {}, set())
        applied = False
        try:
            written = self._post(staged, held, cache, commit)
            outcome = await self._store.commit(chunk.partition, commit)
            applied = outcome is Fenced.APPLIED
        finally:
            if not applied:  # the cells were changed in place: whatever went wrong, they are not to be believed
                self.void(chunk.partition)
        if applied and commit.changed:
            self._updates.changed(chunk.partition, commit.changed, staged.first_received_at)
        return Handled(
            outcome,
            messages=len(chunk.values),
            poisoned=len(staged.poison),
            unchanged=staged.changes - written,
            changes=written,
            received_at=staged.first_received_at,
        )

    async def settle(self, partition: int) -> Settlement:  # noqa: ARG002 - the port's
        """Cells follow with the next change of a rep. See ChunkHandler."""
        return SETTLED

    def void(self, partition: int) -> None:
        """Forgets the partition's cells; they are read again when they are needed."""
        self._caches.pop(partition, None)

    def _follow_configuration(self) -> None:
        if self._generation != self._catalogue.generation:
            self._generation = self._catalogue.generation
            self._floors.clear()

    def _floor(self, tenant_id: str) -> _Floor | None:
        if tenant_id not in self._floors:
            tenant = self._catalogue.tenants.get(tenant_id)
            self._floors[tenant_id] = None if tenant is None else _Floor(tenant, compile_plan(tenant))
        return self._floors[tenant_id]

    def _rep(self, tenant_id: str, subject: str) -> tuple[Rep, Plan] | None:
        """The rep and what counts for her; None for an unmapped owner and for who is no longer configured."""
        floor = self._floor(tenant_id)
        rep = None if floor is None else floor.tenant.organisation.reps.get(subject)
        return None if floor is None or rep is None else (rep, floor.plan)

    def _cache(self, partition: int) -> CellCache:
        cache = self._caches.setdefault(partition, {})
        if sum(map(len, cache.values())) > CELLS_CACHED:
            cache.clear()
        return cache

    async def _read(self, partition: int, staged: Staged, cache: CellCache) -> ScoreboardHeld:
        """Page entries and the cells that the cache lacks, which it then has."""
        if not staged.pages:
            return ScoreboardHeld({}, {})
        cells = {ref: names for ref, names in self._missing(staged, cache) if names}
        wanted = ScoreboardWanted({ref: list(entries) for ref, entries in staged.pages.items()}, cells)
        held = await self._store.read(partition, wanted)
        for ref, names in cells.items():
            known = cache.setdefault(ref, {})
            for name, packed in zip(names, held.cells[ref], strict=True):
                known[name] = {} if packed is None else decode_cell(packed)
        return held

    def _missing(self, staged: Staged, cache: CellCache) -> Iterator[tuple[RepRef, list[str]]]:
        pages_of: dict[RepRef, list[str]] = {}
        for tenant_id, subject, page in staged.pages:
            pages_of.setdefault((tenant_id, subject), []).append(page)
        for ref, pages in pages_of.items():
            found = self._rep(*ref)
            if found is not None:
                rep, plan = found
                names = (cells_of_page(page, rep.zone, with_state=plan.stocks_of_moments) for page in pages)
                known = cache.get(ref, {})
                yield ref, list(dict.fromkeys(name for some in names for name in some if name not in known))

    def _post(self, staged: Staged, held: ScoreboardHeld, cache: CellCache, commit: ScoreboardCommit) -> int:
        """Fills the commit; returns how many page entries it writes."""
        sheets: dict[RepRef, Sheet | None] = {}
        for tenant_id, subject, _ in staged.pages:
            ref = (tenant_id, subject)
            if ref not in sheets:
                found = self._rep(tenant_id, subject)
                sheets[ref] = None if found is None else Sheet(found[1], found[0].zone)
        posting = Posting(commit, sheets, cache)
        for page_ref, entries in staged.pages.items():
            posting.turn(page_ref, entries, held.pages[page_ref])
        posting.close()
        return posting.written
