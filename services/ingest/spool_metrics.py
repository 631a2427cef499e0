"""The spool's metrics; ``IngestMetrics`` holds them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge

from services.ingest.domain.spooling import Held
from shared.domain.instants import SECOND_US
from shared.observability.whole_metrics import EARLIEST


class SpoolOutcome(StrEnum):
    """What became of a delivery that the log could not take."""

    SPOOLED = "spooled"
    FULL = "spool_full"
    FAILED = "spool_failed"


class DrainOutcome(StrEnum):
    """What became of a delivery that was spooled."""

    DRAINED = "drained"
    SET_ASIDE = "set_aside"


class SpoolMetrics:
    """What waits, what came in and what went out."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._bytes = Gauge(
            "ingest_spool_bytes", "Bytes of the spool's files on disk", registry=registry, multiprocess_mode="sum"
        )
        self._deliveries = Gauge(
            "ingest_spool_deliveries",
            "Deliveries that wait in the spool until Kafka has them",
            registry=registry,
            multiprocess_mode="sum",
        )
        self._oldest = Gauge(
            "ingest_spool_oldest_timestamp_seconds",
            "When the oldest of them was put there, Unix time; 0 while none waits",
            registry=registry,
            multiprocess_mode=EARLIEST,
        )
        self._unreadable = Gauge(
            "ingest_spool_unreadable_files",
            "Files of the spool whose key is none of ours",
            registry=registry,
            multiprocess_mode="sum",
        )
        self._spooled = Counter(
            "ingest_spooled_deliveries",
            "Deliveries that Kafka could not take, by what the spool did with them",
            ["source", "outcome"],
            registry=registry,
        )
        self._drained = Counter(
            "ingest_spool_drained_deliveries",
            "Deliveries that left the spool: drained into Kafka, or set aside since Kafka will never take them",
            ["outcome"],
            registry=registry,
        )
        self.torn = Counter(
            "ingest_spool_torn_bytes",
            "Bytes of writes that a crash broke off; no sender was told that we have them",
            registry=registry,
        )
        self.damaged = Counter(
            "ingest_spool_damaged_deliveries", "Spooled deliveries that the disk altered; kept aside", registry=registry
        )
        for outcome in DrainOutcome:
            self._drained.labels(outcome.value)

    def expect_sources(self, sources: Iterable[str]) -> None:
        """Starts the series of sources that have a spool."""
        for source in sources:
            for outcome in SpoolOutcome:
                self._spooled.labels(source, outcome.value)

    def holds(self, held: Held) -> None:
        """What waits now."""
        self._bytes.set(held.size)
        self._deliveries.set(held.deliveries)
        self._oldest.set(held.oldest_at / SECOND_US)
        self._unreadable.set(held.unreadable)

    def spooled(self, source: str, outcome: SpoolOutcome) -> None:
        """A delivery that Kafka could not take."""
        self._spooled.labels(source, outcome.value).inc()

    def drained(self, deliveries: int, outcome: DrainOutcome = DrainOutcome.DRAINED) -> None:
        """Deliveries that left the spool."""
        self._drained.labels(outcome.value).inc(deliveries)
