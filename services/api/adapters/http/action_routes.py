"""POST of what people do about alerts; each answers the episode."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request, Response

from services.api.adapters.http.answers import plain
from services.api.adapters.http.callers import Asker
from services.api.alert_actions import AlertActions, Change, InvalidSnooze
from services.api.domain.viewers import Viewer
from shared.contracts.episodes import episode_view
from shared.domain.episodes import Episode, acknowledge, assign, comment, resolve_by_hand, snooze
from shared.domain.instants import Micros

router = APIRouter(prefix="/v1/alerts/{alert}", tags=["alerts"])
Text = Annotated[str, Body(embed=True, min_length=1, max_length=2000)]
Moment = Annotated[str | None, Body(max_length=40)]


@router.post("/acknowledge")
async def acknowledged(request: Request, viewer: Asker, alert: str) -> Response:
    """No repeats and no escalation until it worsens."""
    return await _act(request, viewer, alert, lambda e, by, now: acknowledge(e, by=by, now=now))


@router.post("/snooze")
async def snoozed(
    request: Request,
    viewer: Asker,
    alert: str,
    length: Annotated[str | None, Body(alias="for", max_length=40)] = None,
    until: Moment = None,
) -> Response:
    """Nothing until then: ``for`` a length such as 2h, or ``until`` an instant or next_working_morning."""
    if (length is None) is (until is None):
        raise InvalidSnooze("give either for or until")
    actions: AlertActions = request.app.state.parts.actions

    def change(episode: Episode, by: str, now: Micros) -> Episode:
        return snooze(episode, actions.until(episode, length or until or "", now), by=by, now=now)

    return await _act(request, viewer, alert, change)


@router.post("/assign")
async def assigned(request: Request, viewer: Asker, alert: str, to: Text) -> Response:
    """Somebody has it."""
    return await _act(request, viewer, alert, lambda e, by, now: assign(e, to, by=by, now=now))


@router.post("/comment")
async def commented(request: Request, viewer: Asker, alert: str, text: Text) -> Response:
    """Keeps what somebody said."""
    return await _act(request, viewer, alert, lambda e, by, now: comment(e, text, by=by, now=now))


@router.post("/resolve")
async def resolved(request: Request, viewer: Asker, alert: str, reason: Text) -> Response:
    """Stays resolved until it has recovered and breaks again."""
    return await _act(request, viewer, alert, lambda e, by, now: resolve_by_hand(e, reason, by=by, now=now))


async def _act(request: Request, viewer: Viewer, alert: str, change: Change) -> Response:
    actions: AlertActions = request.app.state.parts.actions
    episode = await actions.act(viewer, alert, change)
    return plain(request, episode_view(episode, str(request.base_url).rstrip("/")))
