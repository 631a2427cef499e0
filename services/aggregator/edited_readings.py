"""What an edit of KPIs, rates or zones does to the readings of closed periods, told as a rep is folded anew.

What readings were is computed by the KPIs of the time: they are kept beside the cells under the digest of the footing.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from services.aggregator.domain.footing import decode_footing
from services.aggregator.domain.stored import Refold, RepRef
from services.aggregator.ports import Catalogue, ScoreboardStore
from services.aggregator.restating import Restating
from shared.contracts.messages import decode_cell
from shared.contracts.restatements import decode_terms, encode_terms
from shared.domain.accumulators import Accumulator
from shared.domain.edited_periods import edited
from shared.domain.periods import local_day
from shared.domain.readings import Readings
from shared.domain.restatements import Cause, CountedCells, Restatement
from shared.domain.tenant import Tenant


class EditedReadings:
    """Compares a rep's old cells with those that she is folded into."""

    def __init__(self, store: ScoreboardStore, catalogue: Catalogue, restating: Restating) -> None:
        self._store = store
        self._catalogue = catalogue
        self._restating = restating
        self._former: dict[tuple[str, str], Readings | None] = {}
        self._generation = -1

    async def told(self, partition: int, refold: Refold, footing: str) -> list[Restatement]:
        """What becomes of a rep's closed periods; ``footing``: that of the cells which she still has.

        Raises: TransientError.
        """
        (tenant_id, rep_id), old = refold.ref, decode_footing(footing)
        tenant = self._catalogue.tenants.get(tenant_id)
        rep = None if tenant is None else tenant.organisation.reps.get(rep_id)
        if tenant is None or rep is None or old is None:
            return []  # nobody reads her
        former = await self._former_readings(partition, tenant, old.digest)
        if former is None:
            return []  # folded before terms were kept
        await self._restating.tell(partition, refold.ref, former)
        counted = await self._store.counted(partition, refold.ref, refold.gone)
        before = CountedCells(_decoded(counted.cells), counted.values, counted.retained_from)
        after = CountedCells(_decoded(refold.cells), refold.values, counted.retained_from)
        at, now = self._catalogue.accepted_at, self._restating.readings_of(tenant)
        found = list(edited((former, before), (now, after), rep, local_day(at, rep.zone), Cause(at)))
        self._restating.count(len(found))
        return found

    def terms(self, ref: RepRef, footing: str) -> dict[str, bytes]:
        """What has to be kept to tell the next edit."""
        tenant, wanted = self._catalogue.tenants.get(ref[0]), decode_footing(footing)
        return {} if tenant is None or wanted is None else {wanted.digest: encode_terms(tenant.kpis)}

    async def _former_readings(self, partition: int, tenant: Tenant, digest: str) -> Readings | None:
        if self._generation != self._catalogue.generation:
            self._generation = self._catalogue.generation
            self._former.clear()
        if (tenant.id, digest) not in self._former:
            packed = await self._store.restatements.terms(partition, digest)
            former = None if packed is None else Readings(replace(tenant, kpis=decode_terms(packed)))
            self._former[tenant.id, digest] = former
        return self._former[tenant.id, digest]


def _decoded(cells: Mapping[str, bytes]) -> dict[str, dict[str, Accumulator]]:
    return {name: decode_cell(packed) for name, packed in cells.items()}
