"""What every service answers to its operators: /livez, /readyz, /metrics."""

from __future__ import annotations

import msgspec
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from shared.observability.health import Health


def process_registry() -> CollectorRegistry:
    """A registry of its own that already tells of the process: memory, processor time, open files, collections."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry


def operations_routes(health: Health, registry: CollectorRegistry) -> list[Route]:
    """Routes to mount beside a service's own."""

    async def livez(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        states = await health.states()
        ready = all(state.ready for state in states.values())
        body = msgspec.json.encode({"ready": ready, "dependencies": states})
        return Response(body, 200 if ready else 503, media_type="application/json")

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)]
