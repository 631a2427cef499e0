"""Every metric of the api service but the KPIs' own series (adapters.kpi_series)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.api.domain.source_rhythm import RhythmState
from shared.observability.heartbeats import HeartbeatGauges

REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class ApiMetrics:
    """Counters and gauges, label values started at 0."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.config_valid = Gauge(
            "pacer_config_valid", "1 while the configuration on disk is the one in force", registry=registry
        )
        self.request_seconds = Histogram(
            "api_request_seconds",
            "Time to answer, streams excepted",
            ["route", "status"],
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        self.stream_clients = Gauge("api_stream_clients", "Open streams", registry=registry)
        self.stream_events = Counter("api_stream_events", "Events published to streams", ["event"], registry=registry)
        self.stream_dropped = Counter(
            "api_stream_clients_dropped", "Streams that were closed on the client", ["reason"], registry=registry
        )
        self._waiting = Gauge(
            "quarantine_waiting_events",
            "Entries of quarantine that still cannot be used",
            ["reason"],
            registry=registry,
        )
        self._rhythm = Gauge(
            "source_rhythm",
            "1 for what a source's last full hour was like against the same hour of its last four weeks",
            ["source", "state"],
            registry=registry,
        )
        self._duplicates = Gauge(
            "source_duplicate_ratio",
            "Share of a source's events within a day that said nothing new",
            ["source"],
            registry=registry,
        )
        self.heartbeats = HeartbeatGauges(registry, "api")
        self._reasons: set[str] = set()
        for event in ("reading", "alert", "status"):
            self.stream_events.labels(event)
        for reason in ("too_slow", "too_many"):
            self.stream_dropped.labels(reason)

    def show_waiting(self, counts: Mapping[str, int]) -> None:
        """How many entries wait, by reason; a reason that nothing waits for any more stays at 0."""
        for reason in self._reasons - counts.keys():
            self._waiting.labels(reason).set(0)
        for reason, count in counts.items():
            self._waiting.labels(reason).set(count)
        self._reasons |= counts.keys()

    def show_sources(self, health: Mapping[str, Mapping[str, Any]]) -> None:
        """Each source's health, as source_health tells it; one that is not among them is shown no longer."""
        self._rhythm.clear()
        self._duplicates.clear()
        for source, told in health.items():
            for state in RhythmState:
                self._rhythm.labels(source, state).set(told["rhythm"]["state"] == state)
            if told["duplicate_share"] is not None:
                self._duplicates.labels(source).set(told["duplicate_share"])
