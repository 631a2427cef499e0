"""What there is to ask about: the tenant, its teams, reps, KPIs and sources, as far as the asker may see them."""

from __future__ import annotations

from datetime import date
from typing import Any

from services.api.domain.viewers import Sight
from shared.domain.definitions import Definitions
from shared.domain.instants import Micros
from shared.domain.kpis import Kpi
from shared.domain.people import Rep, Team
from shared.domain.periods import ONE_DAY, local_day
from shared.domain.tenant import Tenant

LONGEST_ABSENCE_DAYS = 400


def catalogue(tenant: Tenant, definitions: Definitions, sight: Sight, now: Micros) -> dict[str, Any]:
    """Built-in types only, in configured order. A KPI is the version of today, with all its versions beside it."""
    rules, today = tenant.calendar.periods, local_day(now, tenant.zone)
    return {
        "tenant": {
            "id": tenant.id,
            "name": tenant.name,
            "currency": tenant.currencies.own,
            "time_zone": tenant.zone,
            "week_start": rules.week_start,
            "fiscal_month": rules.fiscal_month,
        },
        "viewer": {
            "key": sight.viewer.key,
            "role": sight.viewer.role,
            "rep": sight.viewer.rep,
            "team": sight.viewer.team,
        },
        "teams": [_team(t) for t in tenant.organisation.teams.values() if sight.of_team(t.id).allowed],
        "reps": [_rep(tenant, rep, now) for rep in sight.reps()],
        "kpis": [
            _kpi(kpi) | {"versions": [_kpi(version) for version in definitions.versions(kpi.id)]}
            for kpi in definitions.on(today).values()
        ],
        "sources": [{"id": source.id, "provider": source.provider} for source in tenant.sources.values()],
    }


def _team(team: Team) -> dict[str, Any]:
    return {
        "id": team.id,
        "name": team.name,
        "parent": team.parent,
        "manager": team.manager,
        "time_zone": team.zone,
    }


def _rep(tenant: Tenant, rep: Rep, now: Micros) -> dict[str, Any]:
    today = local_day(now, rep.zone)
    until = away_until(rep, today)
    return {
        "id": rep.id,
        "name": rep.name,
        "role": rep.role,
        "team": tenant.organisation.first_team(rep, today),
        "teams": list(rep.teams_on(today)),
        "time_zone": rep.zone,
        "hired": rep.hired,
        "away": until is not None,
        "away_until": until,
        "working": tenant.calendar.is_working(rep, now),
    }


def away_until(rep: Rep, today: date) -> date | None:
    """The last day of the unbroken absence that contains today; None while she is there."""
    last = None
    for offset in range(LONGEST_ABSENCE_DAYS):
        day = today + offset * ONE_DAY
        if not rep.away_on(day):
            break
        last = day
    return last


def _kpi(kpi: Kpi) -> dict[str, Any]:
    return {
        "id": kpi.id,
        "name": kpi.name,
        "type": kpi.type,
        "unit": kpi.unit,
        "better": kpi.better,
        "aggregate": kpi.aggregate,
        "periods": kpi.periods,
        "definition": kpi.definition,
        "effective": kpi.effective,
        "prorated": kpi.prorated,
    }
