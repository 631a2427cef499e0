"""GET of reps' and teams' readings, and standings."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response

from services.api.adapters.http.answer_schemas import Readings, answering
from services.api.adapters.http.answers import enveloped
from services.api.adapters.http.callers import Asker
from services.api.domain.asking import at_of, org_of, period_kind
from services.api.domain.standings import Place, ranking_of
from services.api.queries import Answer, Queries, Wanted

router = APIRouter(tags=["readings"])
PeriodText = Annotated[
    str, Query(alias="period", description="day, week, month, quarter or year, or such as rolling:60m, rolling:7d")
]
AtText = Annotated[
    str | None,
    Query(
        alias="at",
        description="a date or RFC 3339 instant that the period contains, or that a rolling one goes up to; else now",
    ),
]
KpiIds = Annotated[list[str] | None, Query(description="repeatable; default all")]


def queries_of(request: Request) -> Queries:
    """The use case that the service was wired with."""
    queries: Queries = request.app.state.parts.queries
    return queries


@router.get("/v1/reps/{rep}/kpis", responses=answering(Readings))
async def rep_kpis(
    request: Request, viewer: Asker, rep: str, *, period: PeriodText = "day", at: AtText = None, kpi: KpiIds = None
) -> Response:
    """A rep's readings in one period."""
    wanted = Wanted(kind=period_kind(period), at=at_of(at), kpis=tuple(kpi or ()))
    return _enveloped(request, await queries_of(request).of_rep(viewer, rep, wanted))


@router.get("/v1/teams/{team}/kpis", responses=answering(Readings))
async def team_kpis(
    request: Request,
    viewer: Asker,
    team: str,
    *,
    period: PeriodText = "day",
    at: AtText = None,
    kpi: KpiIds = None,
    org: Annotated[str, Query(description="as_was: members at the fact's time; as_is: today's")] = "as_was",
    members: Annotated[bool, Query(description="add each rep's readings")] = False,
) -> Response:
    """A team's readings, over the union of its members' facts."""
    wanted = Wanted(kind=period_kind(period), at=at_of(at), kpis=tuple(kpi or ()))
    answer = await queries_of(request).of_team(viewer, team, wanted, org=org_of(org), members=members)
    return _enveloped(request, answer)


@router.get("/v1/kpis/{kpi}/standings")
async def standings(
    request: Request,
    viewer: Asker,
    kpi: str,
    *,
    period: PeriodText = "week",
    at: AtText = None,
    team: Annotated[str | None, Query(description="only its members")] = None,
    by: Annotated[
        str, Query(description="attainment, value, pace or improvement (of pace, on the period before)")
    ] = "attainment",
) -> Response:
    """Reps ranked by one KPI, best first: readings with ``rank`` and ``score``, null where there is no score."""
    wanted = Wanted(kind=period_kind(period), at=at_of(at))
    found = await queries_of(request).standings(viewer, kpi, wanted, by=ranking_of(by), team_id=team)
    content = {"kpi": found.kpi.id, "by": found.by, "readings": [_placed(place) for place in found.places]}
    return enveloped(request, content, as_of=found.as_of, watermark=found.watermark)


def _enveloped(request: Request, answer: Answer) -> Response:
    return enveloped(request, {"readings": answer.readings}, as_of=answer.as_of, watermark=answer.watermark)


def _placed(place: Place) -> dict[str, object]:
    shown = msgspec.structs.asdict(place.reading)
    return {"rank": place.rank, "score": place.score, **{k: v for k, v in shown.items() if v is not msgspec.UNSET}}
