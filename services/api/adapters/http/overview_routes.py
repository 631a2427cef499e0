"""GET of alerts, the catalogue and the status; the board's session."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request, Response

from services.api.adapters.http.answers import enveloped, plain
from services.api.adapters.http.callers import COOKIE, Asker
from services.api.alerts_query import AlertFilter, AlertsQuery, state_of
from services.api.catalogue import catalogue
from services.api.domain.identification import key_of
from services.api.domain.refusals import Invalid
from services.api.pipeline_status import configuration_status, pipeline_status
from services.api.queries import Queries
from shared.contracts.episodes import episode_view
from shared.domain.access import Role

router = APIRouter(tags=["overview"])
SESSION_SECONDS = 400 * 86_400
"""The wall is never logged out; browsers keep a cookie for 400 days at most."""


@router.get("/v1/alerts")
async def alerts(
    request: Request,
    viewer: Asker,
    *,
    state: Annotated[str | None, Query(description="pending, firing or resolved")] = None,
    rep: str | None = None,
    team: Annotated[str | None, Query(description="with all below it")] = None,
    rule: str | None = None,
) -> Response:
    """Episodes of the last seven days, firing first."""
    query: AlertsQuery = request.app.state.parts.alerts
    found = await query.all(viewer, AlertFilter(state=state_of(state), rep=rep, team=team, rule=rule))
    return plain(request, {"alerts": [episode_view(episode, _board(request)) for episode in found]})


@router.get("/v1/alerts/{alert}")
async def alert(request: Request, viewer: Asker, alert: str) -> Response:
    """One episode with its history."""
    query: AlertsQuery = request.app.state.parts.alerts
    return plain(request, episode_view(await query.one(viewer, alert), _board(request)))


@router.get("/v1/catalogue")
async def what_there_is(request: Request, viewer: Asker) -> Response:
    """The tenant, its teams, reps, KPIs and sources."""
    queries: Queries = request.app.state.parts.queries
    view = await queries.view(viewer)
    return plain(request, catalogue(view.tenant, view.readings.definitions, view.sight, view.moment.now))


@router.get("/v1/status")
async def status(request: Request, viewer: Asker) -> Response:
    """Whether the numbers can be believed: sources, partitions, configuration, facts that wait for somebody."""
    parts = request.app.state.parts
    view = await parts.queries.view(viewer)
    parked = await parts.pipeline.parked()
    content: dict[str, Any] = pipeline_status(view.tenant, view.pipeline, parked, viewer=viewer, now=view.moment.now)
    of_sources = await parts.health.of(view.tenant, view.moment.now)
    for source in content["sources"]:
        source["health"] = of_sources[source["id"]]
    if viewer.role is Role.ADMIN:
        content["quarantined"] = parts.quarantine.counts(viewer)
    content["configuration"] = configuration_status(parts.configured, view.pipeline.following, viewer)
    return enveloped(request, content, as_of=view.as_of, watermark=view.pipeline.watermark)


@router.post("/v1/session", status_code=204)
async def begin_session(request: Request, key: Annotated[str, Body(embed=True, max_length=500)]) -> Response:
    """Keeps a key in a cookie that no script can read: EventSource cannot send a header."""
    keys = request.app.state.parts.configured.deployment.keys
    if keys is None:
        raise Invalid("no key is needed here")
    key_of(key, keys)
    answer = Response(status_code=204, headers={"Cache-Control": "no-store"})
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, key, max_age=SESSION_SECONDS, httponly=True, samesite="strict", secure=secure)
    return answer


@router.delete("/v1/session", status_code=204)
async def end_session() -> Response:
    """Forgets the key."""
    answer = Response(status_code=204, headers={"Cache-Control": "no-store"})
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def _board(request: Request) -> str:
    return str(request.base_url).rstrip("/")
