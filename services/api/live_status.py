"""What the band of the board shows, told to every stream on the clock's grid."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from services.api.domain.feed import EventKind, Happening
from services.api.domain.viewers import Viewer
from services.api.pipeline_status import following_status, sources_status
from services.api.ports import Configured
from services.api.queries import Queries
from services.api.stream import Hub
from shared.domain.access import Role
from shared.domain.instants import text
from shared.errors import TransientError

EVERY_SECONDS = 15.0


class LiveStatus:
    """Publishes ``status`` events. ``encode`` makes the JSON of one."""

    def __init__(self, configured: Configured, queries: Queries, hub: Hub, encode: Callable[[object], bytes]) -> None:
        self._configured = configured
        self._queries = queries
        self._hub = hub
        self._encode = encode

    async def of(self, tenant: str) -> bytes:
        """The status as it is now; a part that does not answer is a status too."""
        try:
            return self._encode(await self._content(tenant))
        except TransientError as error:
            return self._encode({"as_of": None, "watermark": None, "measurable": False, "problem": error.reason})

    async def run(self) -> None:
        """Publishes for as long as the service runs."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            for tenant in sorted(self._hub.tenants & self._configured.deployment.tenants.keys()):
                event = Happening(kind=EventKind.STATUS, tenant=tenant, data=await self.of(tenant))
                self._hub.publish(event)

    async def _content(self, tenant: str) -> dict[str, Any]:
        view = await self._queries.view(Viewer(tenant=tenant, role=Role.ADMIN, key="stream"))
        watermark = view.pipeline.watermark
        valid = self._configured.problem is None
        return {
            "as_of": text(view.as_of),
            "watermark": None if watermark is None else text(watermark),
            **sources_status(view.tenant, view.pipeline, view.moment.now),
            "configuration": {
                "valid": valid,
                "version": self._configured.version,
                "following": following_status(self._configured, view.pipeline.following),
            },
        }
