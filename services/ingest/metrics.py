"""Every metric of the ingest service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.ingest.domain.delivery import Receipt, RejectReason
from services.ingest.domain.refusals import RefusalReason
from services.ingest.enrichment_metrics import EnrichmentMetrics
from services.ingest.spool_metrics import SpoolMetrics
from shared.domain.instants import SECOND_US, Micros
from shared.domain.quarantine import RetryOutcome
from shared.observability.cuts import CutReason
from shared.observability.heartbeats import HeartbeatGauges

STORED = "stored"
UNKNOWN_SOURCE = "unknown"
_REFUSED_BY_US = {
    RefusalReason.KAFKA_UNAVAILABLE,
    RefusalReason.SPOOL_FULL,
    RefusalReason.SPOOL_FAILED,
    RefusalReason.UNEXPECTED,
}
_BUCKETS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class _Stored(NamedTuple):
    deliveries: Counter
    accepted: Counter
    quarantined: Counter
    ignored: Counter
    last_event: Gauge


class IngestMetrics:
    """Deliveries are requests, events are their elements. Labels are configured sources and closed sets of reasons."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._deliveries = Counter(
            "ingest_deliveries",
            "Webhook requests by what became of them: accepted, rejected (the sender's doing), failed (ours)",
            ["source", "outcome", "reason"],
            registry=registry,
        )
        self._events = Counter(
            "ingest_events", "Elements of stored deliveries", ["source", "outcome"], registry=registry
        )
        self._quarantined = Gauge(
            "quarantined_events",
            "Elements put into quarantine since the start",
            ["reason"],
            registry=registry,
            multiprocess_mode="sum",
        )
        self._last_event = Gauge(
            "source_last_event_timestamp_seconds",
            "When a source last had an event accepted, Unix time",
            ["source"],
            registry=registry,
            multiprocess_mode="max",
        )
        self._skew = Gauge(
            "source_clock_skew_seconds",
            "How far a sender's clock is behind ours by its latest signatures; its way to us included",
            ["source"],
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self._skews: dict[str, Gauge] = {}
        self.config_valid = Gauge(
            "pacer_config_valid",
            "1 while the configuration on disk is the one that runs",
            registry=registry,
            multiprocess_mode="min",
        )
        self.request_seconds = Histogram(
            "ingest_request_seconds", "A webhook request, body read to answer", registry=registry, buckets=_BUCKETS
        )
        self.heartbeats = HeartbeatGauges(registry, "ingest")
        self._retried = Counter(
            "ingest_retries",
            "Entries of quarantine that were tried again, by what became of them",
            ["source", "outcome"],
            registry=registry,
        )
        self.spool = SpoolMetrics(registry)
        self.enrichment = EnrichmentMetrics(registry)
        self._stored: dict[str, _Stored] = {}
        for reject_reason in RejectReason:
            self._quarantined.labels(reject_reason.value)
        self.config_valid.set(1)

    def expect_sources(self, sources: Iterable[str]) -> None:
        """Starts every series of these sources at 0, so that a first failure is an increase."""
        for source in (*sources, UNKNOWN_SOURCE):
            self._series(source)
            for outcome in RetryOutcome:
                self._retried.labels(source, outcome.value)
            for reason in RefusalReason:
                self._deliveries.labels(source, _outcome(reason), reason.value)

    def _series(self, source: str) -> _Stored:
        """What a stored delivery of a source counts up; looking labels up each time costs a third of a request."""
        if source not in self._stored:
            self._stored[source] = _Stored(
                deliveries=self._deliveries.labels(source, "accepted", STORED),
                accepted=self._events.labels(source, "accepted"),
                quarantined=self._events.labels(source, "quarantined"),
                ignored=self._events.labels(source, "ignored"),
                last_event=self._last_event.labels(source),
            )
        return self._stored[source]

    def stored(self, source: str, receipt: Receipt, *, now: Micros, skew_us: Micros | None) -> None:
        """A delivery is in the log; ``skew_us``: how far its sender's clock is behind ours, if it tells."""
        series = self._series(source)
        series.deliveries.inc()
        if receipt.accepted:
            series.accepted.inc(receipt.accepted)
            series.last_event.set(now / SECOND_US)
        if skew_us is not None:
            skew = self._skews.get(source)
            if skew is None:  # not before: of a sender that signs no time there is no series
                skew = self._skews[source] = self._skew.labels(source)
            skew.set(skew_us / SECOND_US)
        if receipt.quarantined:
            series.quarantined.inc(receipt.quarantined)
        if receipt.ignored:
            series.ignored.inc(receipt.ignored)
        for problem in receipt.problems:
            self._quarantined.labels(problem.reason).inc()

    def retried(self, source: str, outcome: RetryOutcome) -> None:
        """An entry of quarantine was tried again; one of no configured source counts under ``unknown``."""
        self._retried.labels(source if source in self._stored else UNKNOWN_SOURCE, outcome.value).inc()

    def refused(self, source: str, reason: RefusalReason) -> None:
        """A delivery was turned away."""
        self._deliveries.labels(source, _outcome(reason), reason.value).inc()

    def cut(self, reason: CutReason) -> None:
        """A connection was cut before there was a request; whose it would have been nobody knows."""
        self.refused(UNKNOWN_SOURCE, RefusalReason(reason.value))


def _outcome(reason: RefusalReason) -> str:
    return "failed" if reason in _REFUSED_BY_US else "rejected"
