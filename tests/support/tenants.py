"""Builders of tenants and their parts; a test names only what matters to it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from shared.domain.calendar import Calendar
from shared.domain.kpis import Aggregate, Better, Kpi, KpiType, Unit
from shared.domain.people import DateSpan, Membership, Organisation, Rep, Team, WorkingWeek
from shared.domain.periods import PeriodKind
from shared.domain.targets import Scope, TargetEntry
from shared.domain.tenant import Currencies, Tenant

NINE_TO_FIVE = ((9 * 60, 17 * 60),)
OFFICE_WEEK = WorkingWeek((NINE_TO_FIVE,) * 5 + ((),) * 2)
ROUND_THE_CLOCK = WorkingWeek((((0, 24 * 60),),) * 7)


def calendar(week: WorkingWeek = OFFICE_WEEK, **others: Any) -> Calendar:
    return Calendar(**{"zone": "Europe/Berlin", "week": week} | others)


def rep(rep_id: str = "ana", *, team: str | None = "emea", **others: Any) -> Rep:
    memberships = () if team is None else (Membership(team),)
    return Rep(**{"id": rep_id, "name": rep_id.title(), "zone": "Europe/Berlin", "memberships": memberships} | others)


def team(team_id: str = "emea", **others: Any) -> Team:
    return Team(**{"id": team_id, "name": team_id.upper(), "zone": "Europe/Berlin"} | others)


def kpi(kpi_id: str = "calls", **others: Any) -> Kpi:
    defaults: dict[str, Any] = {
        "id": kpi_id,
        "name": kpi_id,
        "type": KpiType.LEADING,
        "unit": Unit.COUNT,
        "better": Better.HIGHER,
        "aggregate": Aggregate.COUNT,
        "facts": ("call.logged",),
    }
    return Kpi(**defaults | others)


def target(value: str = "60", **others: Any) -> TargetEntry:
    defaults: dict[str, Any] = {
        "kpi": "calls",
        "period": PeriodKind.DAY,
        "scope": Scope.ALL,
        "value": Decimal(value),
        "span": DateSpan(date(2026, 1, 1)),
    }
    return TargetEntry(**defaults | others)


def tenant(
    *,
    reps: Iterable[Rep] = (),
    teams: Iterable[Team] = (),
    kpis: Iterable[Kpi] = (),
    targets: Iterable[TargetEntry] = (),
    **others: Any,
) -> Tenant:
    people = tuple(reps) or (rep(),)
    organisation = Organisation({t.id: t for t in (tuple(teams) or (team(),))}, {r.id: r for r in people})
    defaults: dict[str, Any] = {
        "id": "acme",
        "name": "Acme",
        "calendar": calendar(),
        "currencies": Currencies("EUR"),
        "organisation": organisation,
        "kpis": {k.definition: k for k in (tuple(kpis) or (kpi(),))},
        "targets": tuple(targets),
        "sources": {},
        "owners": {("native", r.id): r.id for r in people},
    }
    return Tenant(**defaults | others)
