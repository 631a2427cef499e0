"""A query parameter without a value is one not given: ``?team=&by=value`` asks for every team."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class BlankParameters:
    """Plain ASGI, so that a stream passes through unheld."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on without its blank parameters."""
        if scope["type"] == "http" and scope["query_string"]:
            scope["query_string"] = without_blanks(scope["query_string"])  # in place: the router adds its route to it
        await self._app(scope, receive, send)


def without_blanks(query: bytes) -> bytes:
    """The query string, still encoded, less the parameters whose value is empty."""
    return b"&".join(part for part in query.split(b"&") if part.partition(b"=")[2])
