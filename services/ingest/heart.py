"""Sends a heartbeat into the log every few seconds, to its partitions in turn."""

from __future__ import annotations

import asyncio

import structlog

from services.ingest.metrics import IngestMetrics
from services.ingest.ports import EventLog
from shared.domain.clock import Clock
from shared.errors import TransientError

log = structlog.get_logger()


class Heart:
    """Beats for as long as the service runs. While the log is away its newest beat grows old, which is the point."""

    def __init__(self, event_log: EventLog, clock: Clock, metrics: IngestMetrics) -> None:
        self._log = event_log
        self._clock = clock
        self._metrics = metrics
        self._beats = 0

    async def run(self, every_seconds: float) -> None:
        """Never returns; 0 seconds is no heartbeat at all."""
        while every_seconds:
            await self.beat()
            await asyncio.sleep(every_seconds)

    async def beat(self) -> None:
        """One heartbeat."""
        now = self._clock.now()
        try:
            await self._log.beat(self._beats, now)
        except TransientError as error:
            log.info("heartbeat_not_sent", reason=error.reason)
            return
        self._beats += 1
        self._metrics.heartbeats.passed("ingest", now, self._clock.now())
