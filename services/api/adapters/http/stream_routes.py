"""GET /v1/stream: readings, alerts and the state of the sources as they change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request

from services.api.adapters.http.callers import Asker
from services.api.adapters.http.event_stream import EventStream
from services.api.domain.feed import Audience, EventKind, Happening, Interest, audience
from services.api.domain.viewers import Viewer, sight
from services.api.live_readings import LiveReadings
from services.api.live_status import LiveStatus
from services.api.ports import Configured
from services.api.queries import Queries, View
from services.api.stream import Hub, Subscription, frame
from shared.configuration.deployment import Deployment
from shared.domain.clock import Clock

router = APIRouter(tags=["stream"])
COMMENT_SECONDS = 15.0
RETRY_MS = 2000
NOBODY = Audience("", frozenset(), frozenset(), frozenset(), sources=False)


@router.get("/v1/stream", responses={200: {"content": {"text/event-stream": {}}}})
async def stream(
    request: Request,
    viewer: Asker,
    *,
    rep: Annotated[str | None, Query(description="only this rep's")] = None,
    team: Annotated[str | None, Query(description="only this team's and its reps'")] = None,
    kpi: Annotated[list[str] | None, Query(description="only these KPIs; repeatable")] = None,
    last_event_id: Annotated[str | None, Header(description="where the last stream ended")] = None,
) -> EventStream:
    """Server-sent events ``reading``, ``alert`` and ``status``. Who comes back with an id is told what was missed,
    or, where that is no longer known, the whole state.
    """
    parts = request.app.state.parts
    queries: Queries = parts.queries
    view = await queries.view(viewer)
    interest = _interest(view, rep, team, kpi)
    hub: Hub = parts.hub
    seen = following(parts.configured, parts.clock, viewer, interest)
    subscription = hub.subscribe(seen, last_event_id)
    live: LiveReadings = parts.live
    return EventStream(subscription.client, Telling(hub, live, parts.status, subscription).frames())


def _interest(view: View, rep: str | None, team: str | None, kpi: list[str] | None) -> Interest:
    """Raises: Refusal for what does not exist or may not be seen."""
    if rep is not None:
        view.rep(rep)
    if team is not None:
        view.team(team)
    return Interest(rep, team, view.kpi_ids(kpi or ()))


def following(configured: Configured, clock: Clock, viewer: Viewer, interest: Interest) -> Callable[[], Audience]:
    """What the client sees, worked out anew with every configuration: a key that was taken away sees nothing."""
    known: tuple[Deployment, Audience] | None = None

    def current() -> Audience:
        nonlocal known
        deployment = configured.deployment
        if known is None or known[0] is not deployment:
            known = (deployment, _audience(deployment, clock, viewer, interest))
        return known[1]

    return current


def _audience(deployment: Deployment, clock: Clock, viewer: Viewer, interest: Interest) -> Audience:
    tenant = deployment.tenants.get(viewer.tenant)
    keys = deployment.keys
    still = viewer.key == "local" if keys is None else any(Viewer.of_key(key) == viewer for key in keys)
    if tenant is None or not still:
        return NOBODY
    return audience(sight(viewer, tenant.organisation, clock.now()), interest)


class Telling:
    """One client's stream as frames, from its first word to its last."""

    def __init__(self, hub: Hub, live: LiveReadings, status: LiveStatus, subscription: Subscription) -> None:
        self._hub = hub
        self._live = live
        self._status = status
        self._client = subscription.client
        self._subscription = subscription

    async def frames(self) -> AsyncIterator[bytes]:
        """Never ends by itself."""
        try:
            yield f"retry: {RETRY_MS}\n\n".encode()
            async for known in self._beginning():
                yield known
            while True:
                async for new in self._next():
                    yield new
        finally:
            self._hub.leave(self._client)

    async def _beginning(self) -> AsyncIterator[bytes]:
        """What was missed, or all of it; then the status, with the id to come back with."""
        begun = self._subscription
        if begun.missed is None:
            async for told in self._whole(begun.number):
                yield told
            return
        for event in begun.missed:
            if event.happening is not None and self._client.audience().wants(event.happening):
                yield self._frame(event.happening, event.number)
        yield await self._state(begun.number)

    async def _next(self) -> AsyncIterator[bytes]:
        try:
            async with asyncio.timeout(COMMENT_SECONDS):
                event = await self._client.next()
        except TimeoutError:
            yield b": still here\n\n"
            return
        if event.happening is not None:
            yield self._frame(event.happening, event.number)
            return
        async for told in self._whole(event.number):
            yield told

    async def _whole(self, number: int) -> AsyncIterator[bytes]:
        """All that the audience sees. Only the last has an id: who leaves in the middle is told all of it again."""
        for happening in await self._live.snapshot(self._client.audience()):
            yield frame(happening.kind, happening.data)
        yield await self._state(number)

    async def _state(self, number: int) -> bytes:
        tenant = self._client.audience().tenant
        return frame(EventKind.STATUS, await self._status.of(tenant), self._hub.id_of(number))

    def _frame(self, happening: Happening, number: int) -> bytes:
        return frame(happening.kind, happening.data, self._hub.id_of(number))
