"""How long each answer took, by the route's template: a raw path would make a series a visitor."""

from __future__ import annotations

import time

from prometheus_client import Histogram
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ELSEWHERE = "elsewhere"
"""The label of all paths without a template: unknown ones, and the operators' pages."""
STREAM = "text/event-stream"


class RequestTiming:
    """Plain ASGI, so that a stream passes through unheld. Streams are not observed: they last as long as their readers.

    ``seconds`` has the labels route and status.
    """

    def __init__(self, app: ASGIApp, seconds: Histogram) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, and observes what was answered; nothing for a client who left before."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, streams = time.perf_counter(), 0, False

        async def noting(message: Message) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status = message["status"]
                streams = Headers(raw=message["headers"]).get("content-type", "").startswith(STREAM)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            status = 500  # the answer is given further out
            raise
        finally:
            if status and not streams:
                self._seconds.labels(template_of(scope), status).observe(time.perf_counter() - began)


def template_of(scope: Scope) -> str:
    """The path of the route that answered, as it is declared."""
    return getattr(scope.get("route"), "path", ELSEWHERE)
