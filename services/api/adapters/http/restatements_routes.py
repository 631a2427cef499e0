"""GET of the readings of closed periods that changed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from services.api.adapters.http.answer_schemas import Restatements, answering
from services.api.adapters.http.answers import enveloped
from services.api.adapters.http.callers import Asker
from services.api.domain.asking import since_of
from services.api.restatements_query import DEFAULT, MOST, Restated, RestatementFilter, RestatementsQuery
from shared.domain.instants import text
from shared.domain.restatements import RestatementReason

router = APIRouter(tags=["readings"])


@router.get("/v1/restatements", responses=answering(Restatements))
async def restatements(
    request: Request,
    viewer: Asker,
    *,
    rep: str | None = None,
    team: Annotated[str | None, Query(description="with all below it")] = None,
    kpi: str | None = None,
    since: Annotated[
        str | None, Query(description="a date or an RFC 3339 instant: only those of events received since")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = DEFAULT,
) -> Response:
    """Readings of closed periods that changed, the last ones first: from, to, when, and because of which event."""
    query: RestatementsQuery = request.app.state.parts.restatements
    wanted = RestatementFilter(rep=rep, team=team, kpi=kpi, since=since_of(since), limit=limit)
    found = await query.all(viewer, wanted)
    content = {"restatements": [_shown(each) for each in found.restatements]}
    return enveloped(request, content, as_of=found.as_of, watermark=found.watermark)


def _shown(each: Restated) -> dict[str, Any]:
    found = each.found
    kind, period_id = found.period
    return {
        "rep": found.rep,
        "kpi": found.kpi,
        "definition": found.definition,
        "period": each.bounds or {"kind": kind, "id": period_id, "start": None, "end": None, "time_zone": None},
        "from": found.before,
        "to": found.after,
        "at": text(found.cause.at),
        "reason": found.cause.reason,
        "event": _event(each) if found.cause.reason is RestatementReason.EVENT else None,
    }


def _event(each: Restated) -> dict[str, Any]:
    name = each.name
    return {
        "id": each.found.cause.event,
        "source": None if name is None else name.source,
        "record_type": None if name is None else name.record_type,
        "record": None if name is None else name.record,
        "url": each.url,
    }
