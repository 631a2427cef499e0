"""Serves /livez, /readyz and /metrics from a thread of its own: they answer while the worker is busy with a chunk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import uvloop
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from shared.observability.health import Check, Health
from shared.observability.operations import operations_routes
from shared.observability.serving import server
from shared.settings import HttpSettings

JOIN_SECONDS = 3.0


@contextmanager
def serve_operations(
    health: Health, registry: CollectorRegistry, settings: HttpSettings, *, default_port: int
) -> Iterator[None]:
    """Serves while the block runs."""
    http = server(Starlette(routes=operations_routes(health, registry)), settings, default_port)
    thread = threading.Thread(target=lambda: uvloop.run(http.serve()), name="operations", daemon=True)
    thread.start()
    try:
        yield
    finally:
        http.should_exit = True
        thread.join(JOIN_SECONDS)


def asked_in(loop: asyncio.AbstractEventLoop, check: Callable[[], Awaitable[str]]) -> Check:
    """A health check that runs in the worker's loop, where its connections live."""

    async def run() -> str:
        return await check()

    async def ask() -> str:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), loop))

    return ask
