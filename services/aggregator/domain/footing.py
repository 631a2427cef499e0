"""What a rep's cells were folded under: they follow an edit of the configuration when it is another than configured."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import msgspec
from msgspec import Struct

from services.aggregator.domain.counting import Plan, compile_plan
from shared.domain.kpis import RANKED, Aggregate, Kpi
from shared.domain.tenant import Tenant

FOLDING = 1
"""Rises when the same facts under the same configuration come to other cells: a change of ours."""
NOBODY = ""
"""The footing of a subject who is no rep: pages without cells."""
_SHOWN_ONLY = {"name", "type", "better", "periods", "percentile"}
_KEEPING = {Aggregate.DISTINCT} | RANKED
_encode = msgspec.json.Encoder(order="deterministic").encode


class Footing(Struct, array_like=True, frozen=True):
    """Digest of KPIs and rates, the rep's zone, and the definitions that keep values beside the cells."""

    digest: str
    zone: str
    keeping: tuple[str, ...]


class Basis(Struct, frozen=True):
    """How a rep's facts become cells."""

    plan: Plan
    zone: str


class Floors:
    """The reps of one generation of the configuration, with plans and footings."""

    def __init__(self, generation: int, tenants: Mapping[str, Tenant]) -> None:
        self.generation = generation
        self._tenants = tenants
        self._plans = {tenant.id: compile_plan(tenant) for tenant in tenants.values()}
        self._digests = {tenant.id: digest_of(tenant) for tenant in tenants.values()}
        self._footings: dict[tuple[str, str], str] = {}
        self.bases: dict[str, Basis | None] = {NOBODY: None}
        """Every footing that ``footing`` has answered with what it stands for."""

    def footing(self, ref: tuple[str, str]) -> str:
        """What (tenant, rep) has to be folded under, as text; NOBODY if she is not configured."""
        known = self._footings.get(ref)
        if known is None:
            known = self._footings[ref] = self._new_footing(*ref)
        return known

    def _new_footing(self, tenant_id: str, rep_id: str) -> str:
        tenant = self._tenants.get(tenant_id)
        rep = None if tenant is None else tenant.organisation.reps.get(rep_id)
        if tenant is None or rep is None:
            return NOBODY
        keeping = sorted(kpi.definition for kpi in tenant.kpis.values() if kpi.aggregate in _KEEPING)
        footing = _encode(Footing(self._digests[tenant_id], rep.zone, tuple(keeping))).decode()
        self.bases[footing] = Basis(self._plans[tenant_id], rep.zone)
        return footing


def decode_footing(text: str) -> Footing | None:
    """What a footing's text says; None for NOBODY."""
    return msgspec.json.decode(text, type=Footing) if text else None


def digest_of(tenant: Tenant) -> str:
    """Changes with whatever changes how facts are counted; names and targets do not."""
    kpis = [_counted(kpi) for _, kpi in sorted(tenant.kpis.items()) if kpi.aggregate is not Aggregate.RATIO]
    return sha256(_encode([FOLDING, kpis, tenant.currencies])).hexdigest()[:16]


def _counted(kpi: Kpi) -> dict[str, object]:
    return {name: value for name, value in msgspec.structs.asdict(kpi).items() if name not in _SHOWN_ONLY}
