"""Serves an ASGI application until SIGTERM or SIGINT: stops accepting, finishes requests, returns."""

from __future__ import annotations

import asyncio
import resource
import signal
from collections.abc import Callable, Sequence
from functools import partial
from socket import socket
from typing import Any, cast

import structlog
import uvicorn

from shared.observability.cuts import CutReason
from shared.observability.guarded_connection import GuardedConnection
from shared.settings import HttpSettings

GRACE_SECONDS = 5
KEEP_ALIVE_SECONDS = 75
TICKS_A_LOOK = 10
"""uvicorn ticks ten times a second."""
OTHER_FILES = 256
"""Open files beside connections: Kafka, Redis, logs."""
log = structlog.get_logger()
OnCut = Callable[[CutReason], object]


class Server(uvicorn.Server):
    """uvicorn's, which looks after its connections."""

    async def on_tick(self, counter: int) -> bool:
        """See uvicorn."""
        if counter % TICKS_A_LOOK == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, GuardedConnection):
                    _look(connection, now)
        return await super().on_tick(counter)


def _look(connection: GuardedConnection, now: float) -> None:
    try:
        connection.look(now)
    except Exception:  # a bug must not end the server, only the connection that shows it
        log.exception("connection_broken")
        connection.transport.abort()


def _nobody(_: CutReason) -> None:
    """Where nobody counts them."""


def server(
    app: Any,  # noqa: ANN401 - an ASGI callable
    settings: HttpSettings,
    default_port: int,
    *,
    on_cut: OnCut = _nobody,
) -> uvicorn.Server:
    """A configured server; ``await server.serve()`` runs it, ``server.should_exit = True`` ends it.

    ``on_cut`` is told why a connection was cut before it had a request for ``app``.
    """
    connection = partial(GuardedConnection, settings.connections, on_cut)
    return Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port or default_port,
            loop="uvloop",
            http=cast("type[asyncio.Protocol]", connection),  # uvicorn only calls it
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


async def serve(
    app: Any,  # noqa: ANN401 - an ASGI callable
    settings: HttpSettings,
    default_port: int,
    *,
    on_cut: OnCut = _nobody,
    sockets: Sequence[socket] | None = None,
) -> None:
    """Runs until a signal ends it, then returns: what the caller opened is still closed in order.

    uvicorn raises the signal again when it is done; without a handler of ours that would end the process on the spot.
    ``sockets`` are listened on instead of the settings' address.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    _allow_open_files(settings.connections + OTHER_FILES)
    await server(app, settings, default_port, on_cut=on_cut).serve(list(sockets) if sockets is not None else None)


def _allow_open_files(wanted: int) -> None:
    """As many as the system lets a process have; each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
