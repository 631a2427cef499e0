"""The use case: what the log tells of each source's rhythm is shown in /metrics, for alerts."""

from __future__ import annotations

import asyncio

import structlog

from services.api.metrics import ApiMetrics
from services.api.ports import Configured
from services.api.source_health import SourceHealth
from shared.domain.clock import Clock
from shared.errors import TransientError

log = structlog.get_logger()


class SourceWatch:
    """Looks for as long as the service runs. What cannot be read is not shown: a stale rhythm would lie."""

    def __init__(self, configured: Configured, health: SourceHealth, metrics: ApiMetrics, clock: Clock) -> None:
        self._configured = configured
        self._health = health
        self._metrics = metrics
        self._clock = clock

    async def run(self, every_seconds: float) -> None:
        """Never returns."""
        while True:
            await self.look()
            await asyncio.sleep(every_seconds)

    async def look(self) -> None:
        """All sources of all tenants, once."""
        now = self._clock.now()
        try:
            found = [await self._health.of(tenant, now) for tenant in self._configured.deployment.tenants.values()]
        except TransientError as error:
            log.warning("source_rhythms_unknown", reason=error.reason)
            found = []
        self._metrics.show_sources({source: told for of_tenant in found for source, told in of_tenant.items()})
