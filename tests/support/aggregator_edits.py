"""Edits of a counting tenant, one for each thing that numbers depend on."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from msgspec.structs import replace

from shared.domain.kpis import Aggregate
from shared.domain.people import Organisation, Rep
from shared.domain.tenant import Credit, Currencies, Rate, Tenant
from tests.support.aggregator_tenant import KPIS, counting_tenant, kpi

BASE = counting_tenant()


def _with_owners(tenant: Tenant, **owners: str) -> Tenant:
    return replace(tenant, owners={**tenant.owners, **{("native", owner): rep for owner, rep in owners.items()}})


def _with_reps(tenant: Tenant, *reps: Rep) -> Tenant:
    owners = {("native", rep.id): rep.id for rep in reps}
    return replace(tenant, organisation=Organisation(tenant.organisation.teams, {r.id: r for r in reps}), owners=owners)


def _with_kpi(tenant: Tenant, **changed: object) -> Tenant:
    plain = next(each for each in KPIS if each["id"] == changed["id"])
    compiled = kpi(plain | changed)
    return replace(tenant, kpis={**tenant.kpis, compiled.definition: compiled})


REPS = tuple(BASE.organisation.reps.values())
IDENTITY_ADDED = _with_owners(BASE, ghost="cy")
EDITS: dict[str, Tenant] = {
    "none": BASE,
    "identity added": IDENTITY_ADDED,
    "identity moved": _with_owners(BASE, ana="bo"),
    "everything to the owner now": replace(BASE, credit=Credit(at_fact=frozenset())),
    "everything at the fact": replace(BASE, credit=Credit(default_at_fact=True)),
    "rep added": _with_reps(BASE, *REPS, Rep(id="ghost", name="ghost", zone="Asia/Kolkata")),
    "rep removed": _with_reps(BASE, *REPS[:2]),
    "zone changed": _with_reps(BASE, replace(REPS[0], zone="Pacific/Auckland"), *REPS[1:]),
    "filter changed": _with_kpi(BASE, id="calls", where={"direction": "inbound"}),
    "facts changed": _with_kpi(BASE, id="deals_closed", facts=["deal.won"]),
    "version added": _with_kpi(BASE, id="calls", where={"direction": "inbound"}, effective="2026-11-23"),
    "distinct version added": _with_kpi(BASE, id="accounts_touched", field="outcome", effective="2026-11-24"),
    "distinct field changed": _with_kpi(BASE, id="accounts_touched", field="outcome"),
    "KPI removed": replace(BASE, kpis={i: k for i, k in BASE.kpis.items() if k.aggregate is not Aggregate.DISTINCT}),
    "rates changed": replace(
        BASE, currencies=Currencies("EUR", {"GBP": (Rate("GBP", Decimal("1.2"), date(2026, 11, 1)),)})
    ),
}
"""A tenant by what was edited."""
