"""Serves an ASGI application until SIGTERM or SIGINT: stops accepting, finishes requests, returns."""

from __future__ import annotations

import signal
from typing import Any

import uvicorn

from shared.settings import HttpSettings

GRACE_SECONDS = 5
KEEP_ALIVE_SECONDS = 75


def server(app: Any, settings: HttpSettings, default_port: int) -> uvicorn.Server:  # noqa: ANN401 - an ASGI callable
    """A configured server; ``await server.serve()`` runs it, ``server.should_exit = True`` ends it."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port or default_port,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=True,
            timeout_graceful_shutdown=GRACE_SECONDS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
    )


async def serve(app: Any, settings: HttpSettings, default_port: int) -> None:  # noqa: ANN401 - an ASGI callable
    """Runs until a signal ends it, then returns: what the caller opened is still closed in order.

    uvicorn raises the signal again when it is done; without a handler of ours that would end the process on the spot.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    await server(app, settings, default_port).serve()
