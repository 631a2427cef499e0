"""A tenant with every aggregate, said once as in kpis.yaml: the oracle reads that, the product its compilation."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from shared.domain.kpis import Aggregate, Better, Condition, Kpi, KpiType, Operator, Unit
from shared.domain.people import Rep
from shared.domain.tenant import Credit, Currencies, Rate, Tenant
from tests.support import tenants

KPIS: list[dict[str, Any]] = [
    {"id": "calls", "unit": "count", "aggregate": "count", "facts": ["call.logged"],
     "where": {"direction": "outbound", "duration_seconds": {"gte": 20}}},
    {"id": "conversations", "unit": "count", "aggregate": "count", "facts": ["call.logged"],
     "where": {"outcome": {"in": ["connected", "callback"]}}},
    {"id": "emails", "unit": "count", "aggregate": "count", "facts": ["email.sent"]},
    {"id": "meetings_held", "unit": "count", "aggregate": "count", "facts": ["meeting.held"]},
    {"id": "meetings_canceled", "unit": "count", "aggregate": "count", "facts": ["meeting.canceled"]},
    {"id": "accounts_touched", "unit": "count", "aggregate": "distinct", "field": "account",
     "facts": ["call.logged", "email.sent", "meeting.held"]},
    {"id": "talk_time", "unit": "seconds", "aggregate": "average", "field": "duration_seconds",
     "facts": ["call.logged"]},
    {"id": "deals_created", "unit": "count", "aggregate": "count", "facts": ["deal.created"]},
    {"id": "deals_won", "unit": "count", "aggregate": "count", "facts": ["deal.won"]},
    {"id": "deals_closed", "unit": "count", "aggregate": "count", "facts": ["deal.won", "deal.lost"]},
    {"id": "win_rate", "unit": "ratio", "aggregate": "ratio", "numerator": "deals_won", "denominator": "deals_closed"},
    {"id": "revenue", "unit": "money", "aggregate": "sum", "field": "amount", "facts": ["deal.won"]},
    {"id": "proposals", "unit": "count", "aggregate": "count", "facts": ["deal.stage_entered"],
     "where": {"stage": "proposal"}},
    {"id": "open_pipeline", "unit": "money", "aggregate": "latest", "field": "amount", "facts": ["deal.open"]},
]  # fmt: skip
RANKED_KPIS: list[dict[str, Any]] = [
    {"id": "shortest", "unit": "seconds", "aggregate": "minimum", "field": "duration_seconds",
     "facts": ["call.logged"]},
    {"id": "largest_deal", "unit": "money", "aggregate": "maximum", "field": "amount", "facts": ["deal.won"]},
    {"id": "talk_p90", "unit": "seconds", "aggregate": "percentile", "percentile": "90", "field": "duration_seconds",
     "facts": ["call.logged"], "where": {"direction": "outbound"}},
    {"id": "amount_p50", "unit": "money", "aggregate": "percentile", "percentile": "50", "field": "amount",
     "facts": ["deal.created", "deal.won"]},
]  # fmt: skip
FX = [
    {"currency": "USD", "rate": "0.92", "from": "2026-01-01"},
    {"currency": "USD", "rate": "0.9", "from": "2026-11-24"},
]
ZONES = ("Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata")


def kpi(plain: dict[str, Any]) -> Kpi:
    """A KPI as written in kpis.yaml, compiled."""
    return Kpi(
        id=plain["id"],
        name=plain["id"],
        type=KpiType.LEADING,
        unit=Unit(plain["unit"]),
        better=Better.HIGHER,
        aggregate=Aggregate(plain["aggregate"]),
        facts=tuple(plain.get("facts", ())),
        where=tuple(conditions(plain.get("where", {}))),
        field=plain.get("field"),
        numerator=plain.get("numerator"),
        denominator=plain.get("denominator"),
        percentile=Decimal(plain["percentile"]) if "percentile" in plain else None,
        effective=date.fromisoformat(plain["effective"]) if "effective" in plain else None,
    )


def conditions(where: dict[str, Any]) -> Iterable[Condition]:
    """The conditions of a ``where``."""
    for field, wanted in where.items():
        for operator, operand in (wanted if isinstance(wanted, dict) else {"eq": wanted}).items():
            operands = operand if isinstance(operand, list) else [operand]
            yield Condition(field, Operator(operator), tuple(o if isinstance(o, bool) else str(o) for o in operands))


def counting_tenant(
    rep_ids: Iterable[str] = ("ana", "bo", "cy"),
    credit: Credit | None = None,
    *,
    written: Iterable[dict[str, Any]] = KPIS,
) -> Tenant:
    """Reps in different zones, known to the native source by their own ids; USD has a rate, GBP has none."""
    reps = [Rep(id=name, name=name, zone=ZONES[n % len(ZONES)]) for n, name in enumerate(rep_ids)]
    rates = tuple(Rate(r["currency"], Decimal(r["rate"]), date.fromisoformat(r["from"])) for r in FX)
    return tenants.tenant(
        reps=reps,
        kpis=[kpi(plain) for plain in written],
        currencies=Currencies("EUR", {"USD": rates}),
        credit=credit or Credit(),
    )
