"""The enricher's metrics; ``IngestMetrics`` holds them."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from services.ingest.domain.enrichment import Outcome, Wait
from shared.domain.instants import SECOND_US, Micros
from shared.observability.whole_metrics import EARLIEST


class EnrichmentMetrics:
    """Asks by what became of them, and why they wait."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._asks = Counter(
            "ingest_enrichments",
            "Records that a CRM's API was asked for, by what became of it",
            ["source", "outcome"],
            registry=registry,
        )
        self._waits = Counter(
            "ingest_enrichment_waits",
            "Requests to a CRM's API that are made again later, by why",
            ["source", "reason"],
            registry=registry,
        )
        self._oldest = Gauge(
            "ingest_enrichment_oldest_timestamp_seconds",
            "When the event was received for which the API is asked at the moment, Unix time; 0 for none",
            ["source"],
            registry=registry,
            multiprocess_mode=EARLIEST,
        )

    def expect_sources(self, sources: Iterable[str]) -> None:
        """Starts the series of sources that have an API to be asked."""
        for source in sources:
            self._oldest.labels(source)
            for outcome in Outcome:
                self._asks.labels(source, outcome.value)
            for why in Wait:
                self._waits.labels(source, why.value)

    def works_on(self, source: str, received_at: Micros) -> None:
        """What the API is asked for now; 0 for nothing."""
        self._oldest.labels(source).set(received_at / SECOND_US)

    def done(self, source: str, outcome: Outcome) -> None:
        """An ask is dealt with."""
        self._asks.labels(source, outcome.value).inc()

    def waits(self, source: str, why: Wait) -> None:
        """A request is made again later."""
        self._waits.labels(source, why.value).inc()
