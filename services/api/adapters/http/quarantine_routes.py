"""What is in quarantine: GET of it, and POST of having it tried again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query, Request, Response

from services.api.adapters.http.answers import encode, plain
from services.api.adapters.http.callers import Asker
from services.api.domain.asking import instant_of
from services.api.domain.refusals import Invalid
from services.api.pipeline_status import parked_status
from services.api.quarantine_desk import QuarantineDesk
from shared.contracts.quarantine import entry_view, whole_view
from shared.domain.quarantine import Selection

router = APIRouter(prefix="/v1/quarantine", tags=["quarantine"])
MOST = 1000
Text = Annotated[str | None, Query(max_length=200)]
Said = Annotated[str | None, Body(max_length=200)]
Instant = Annotated[str | None, Query(max_length=40, description="a date (UTC) or an RFC 3339 instant")]


class NothingSelected(Invalid):
    """Neither a reason, nor a source, nor all."""

    reason = "nothing_selected"


@router.get("")
async def listing(
    request: Request,
    viewer: Asker,
    *,
    reason: Text = None,
    source: Text = None,
    since: Instant = None,
    until: Instant = None,
    state: Annotated[str, Query(pattern="^(waiting|all)$", description="all: also what was dealt with")] = "waiting",
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    after: Annotated[str | None, Query(max_length=200, description="`next` of the page before")] = None,
) -> Response:
    """Entries, the latest first; how many wait by reason; owners whom nobody claims, and amounts without a rate."""
    parts = request.app.state.parts
    desk: QuarantineDesk = parts.quarantine
    selection = Selection(
        reason=reason,
        source=source,
        since=instant_of(since),
        until=instant_of(until),
        settled=state == "all",
    )
    found = desk.listing(viewer, selection, most=limit, after=after)
    tenant = parts.configured.deployment.tenants[viewer.tenant]
    content = {
        "entries": [entry_view(entry) for entry in found.page.entries],
        "next": found.page.after,
        "waiting": found.counts,
        "left_out": found.left_out,
        "unreadable": found.unreadable,
    }
    return plain(request, content | parked_status(tenant, await parts.pipeline.parked()))


@router.get("/{entry}")
async def whole(request: Request, viewer: Asker, entry: str) -> Response:
    """One entry with what was kept of it; ``body`` is null where retention has taken it."""
    desk: QuarantineDesk = request.app.state.parts.quarantine
    return plain(request, whole_view(*await desk.whole(viewer, entry)))


@router.post("/{entry}/retry")
async def retried(request: Request, viewer: Asker, entry: str) -> Response:
    """Translates it again under the configuration of now: 200 with what came of it, 202 where that takes longer."""
    desk: QuarantineDesk = request.app.state.parts.quarantine
    after, is_done = await desk.retry(viewer, entry)
    return _answer(entry_view(after), 200 if is_done else 202)


@router.post("/retry", status_code=202)
async def all_retried(
    request: Request,
    viewer: Asker,
    *,
    reason: Said = None,
    source: Said = None,
    everything: Annotated[bool, Body(alias="all")] = False,
) -> Response:
    """Has all entries of a reason, a source, or ``all`` tried again; ``retry`` is in what is said of each."""
    if reason is None and source is None and not everything:
        raise NothingSelected("give a reason, a source, or all: true")
    desk: QuarantineDesk = request.app.state.parts.quarantine
    asked = await desk.retry_all(viewer, Selection(reason=reason, source=source))
    return _answer({"retry": asked.retry, "asked": asked.entries}, 202)


def _answer(content: object, status: int) -> Response:
    return Response(encode(content), status, headers={"Cache-Control": "no-store"}, media_type="application/json")
