"""Keeps the self-check going beside the flow of chunks, at a share of the time that nobody misses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

import structlog
from faust.types import TP

from services.aggregator.adapters.chunk_consumer import ChunkConsumer
from services.aggregator.auditing import CellsAudit, LogAudit
from services.aggregator.metrics import CELLS, LOG, PAGES, AggregatorMetrics
from services.aggregator.page_auditing import PagesAudit
from services.aggregator.settings import AuditSettings
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS
from shared.errors import TransientError

SHORTEST_PAUSE_SECONDS = 0.1
IDLE_SECONDS = 1.0
log = structlog.get_logger()


class AuditRounds:
    """Two endless rounds over this worker's partitions: all reps' cells and pages, and samples of the log.

    ``compare`` says what is looked at, before they begin and whenever another state is followed.
    """

    _cells: CellsAudit
    _pages: PagesAudit
    _events: LogAudit

    def __init__(self, metrics: AggregatorMetrics, settings: AuditSettings) -> None:
        self._metrics = metrics
        self._settings = settings

    def compare(self, cells: CellsAudit, pages: PagesAudit, events: LogAudit) -> None:
        """From now on these are looked at."""
        self._cells, self._pages, self._events = cells, pages, events

    async def look_at_cells(self, consumer: ChunkConsumer) -> None:
        """One rep after another, for ever. What is away is looked at in the next round."""
        while self._settings.share:
            for tp in _owned(consumer, KPI_FACTS):
                try:
                    await self._look_at_partition(consumer, tp)
                except TransientError as error:
                    log.info("audit_waits", kind=CELLS, reason=error.reason)
            await asyncio.sleep(IDLE_SECONDS)
        await asyncio.Event().wait()  # switched off it still is a part that runs for ever

    async def _look_at_partition(self, consumer: ChunkConsumer, tp: TP) -> None:
        for ref in await self._cells.reps(tp.partition):
            if tp not in consumer.applied:
                return
            began = time.monotonic()
            self._count(CELLS, [await self._cells.look_at(tp.partition, ref)])
            ledgers = {owned.partition for owned in _owned(consumer, CRM_EVENTS)}
            count = self._settings.sample_events
            self._count(PAGES, await self._pages.look_at(tp.partition, ref, ledgers=ledgers, count=count))
            took = time.monotonic() - began
            await asyncio.sleep(max(SHORTEST_PAUSE_SECONDS, took / self._settings.share - took))

    async def look_at_log(self, consumer: ChunkConsumer) -> None:
        """One sample after another, for ever; likewise."""
        while self._settings.sample_every:
            for tp in _owned(consumer, CRM_EVENTS):
                await asyncio.sleep(self._settings.sample_every.total_seconds())
                applied = consumer.applied.get(tp)
                if applied is None:
                    self._events.void(tp.partition)
                    continue
                try:
                    self._count(LOG, await self._events.look_at(tp.partition, applied, self._settings.sample_events))
                except TransientError as error:
                    log.info("audit_waits", kind=LOG, reason=error.reason)
            await asyncio.sleep(IDLE_SECONDS)
        await asyncio.Event().wait()

    def _count(self, kind: str, findings: Iterable[str]) -> None:
        for finding in findings:
            self._metrics.audit.labels(kind=kind, finding=finding).inc()


def _owned(consumer: ChunkConsumer, topic: str) -> list[TP]:
    return sorted(tp for tp in consumer.applied if tp.topic == topic)
