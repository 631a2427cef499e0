"""GET of how a team's numbers grew over a period."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from services.api.adapters.http.answers import enveloped
from services.api.adapters.http.callers import Asker
from services.api.adapters.http.readings_routes import AtText, KpiIds, PeriodText
from services.api.domain.asking import at_of, period_kind
from services.api.queries import Wanted
from services.api.trends import TrendsQuery

router = APIRouter(tags=["readings"])


@router.get("/v1/teams/{team}/trends")
async def trends(
    request: Request,
    viewer: Asker,
    team: str,
    *,
    period: PeriodText = "day",
    at: AtText = None,
    kpi: KpiIds = None,
) -> Response:
    """The cumulative value of each KPI that adds up, by the hour of a day or the day of a longer period, and what
    was expected by then.
    """
    query: TrendsQuery = request.app.state.parts.trends
    wanted = Wanted(kind=period_kind(period), at=at_of(at), kpis=tuple(kpi or ()))
    found = await query.of_team(viewer, team, wanted)
    return enveloped(request, {"trends": found.trends}, as_of=found.as_of, watermark=found.watermark)
