"""The KPIs' series in /metrics, read when Prometheus asks and at most every few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.api.kpi_series import FIELDS, LABELS, KpiSeries, Series
from shared.errors import TransientError

FRESH_SECONDS = 5.0
HELP = {
    "value": "A KPI's value in the period that is running",
    "target": "What is asked for in the period, effective",
    "expected": "What is expected by now",
    "attainment_ratio": "Value over target",
}
log = structlog.get_logger()


class KpiExposition:
    """A collector that shows what was read last."""

    def __init__(self, series: KpiSeries, registry: CollectorRegistry) -> None:
        self._series = series
        self._registry = registry
        self._lock = asyncio.Lock()
        self._read_at = float("-inf")
        self._shown = Series()
        registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families, empty before the first scrape."""
        for field in FIELDS:
            family = GaugeMetricFamily(f"pacer_kpi_{field}", HELP[field], labels=LABELS)
            for sample in self._shown.samples:
                if field in sample.numbers:
                    family.add_metric(sample.labels, float(sample.numbers[field]))
            yield family
        dropped = GaugeMetricFamily("pacer_kpi_series_dropped", "Series that PACER_METRICS__MAX_SERIES left out")
        dropped.add_metric((), self._shown.dropped)
        yield dropped

    def route(self) -> Route:
        """GET /metrics; goes before the operations' own."""

        async def metrics(_: Request) -> Response:
            await self.refresh()
            return Response(generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

        return Route("/metrics", metrics)

    async def refresh(self) -> None:
        """Reads again what is no longer fresh. Without Redis there are no series: a stale number would lie."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now - self._read_at < FRESH_SECONDS:
                return
            try:
                self._shown = await self._series.read()
                self._read_at = now
            except TransientError as error:
                log.warning("kpi_series_unknown", error=repr(error))
                self._shown = Series()
