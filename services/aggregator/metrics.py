"""Every metric of the aggregator, with an injected registry and its label values started at 0."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.aggregator.auditing import Finding
from services.aggregator.domain.ageing import SweptKind
from services.aggregator.domain.set_back import LogLook, Notice
from services.aggregator.ports import PoisonReason
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS
from shared.observability.heartbeats import HeartbeatGauges

LEDGER, SCOREBOARD = STAGES = ("ledger", "scoreboard")
CELLS, PAGES, LOG = AUDITED = ("cells", "pages", "log")
OUTCOMES = ("applied", "unchanged", "foreign", "done", "poisoned", "heartbeat", "between", "back", "void")
AGE_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class AggregatorMetrics:
    """What the aggregator tells Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.events = Counter(
            "aggregator_events",
            "Events (ledger) and fact changes (scoreboard) worked off; heartbeats are our own; foreign: batches of a "
            "state that is no longer live; done, between, back and void: dropped at the fence or by a rebalance, they "
            "come again where needed",
            ("stage", "outcome"),
            registry=registry,
        )
        self.retries = Counter(
            "aggregator_retries", "Chunks tried again because Redis or Kafka was away", ("stage", "reason"),
            registry=registry,
        )  # fmt: skip
        self.lost = Counter(
            "aggregator_lost_messages", "Messages that retention cut from the log before they were counted", ("topic",),
            registry=registry,
        )  # fmt: skip
        self.skipped = Counter(
            "aggregator_skipped_offsets",
            "Offsets that hold no message: markers of transactions, what compaction took",
            ("topic",),
            registry=registry,
        )
        self.set_backs = Counter(
            "aggregator_set_backs",
            "Partitions begun again from what Redis holds, since its state went back or its server is another",
            ("reason",),
            registry=registry,
        )
        self.log_looks = Counter(
            "aggregator_log_looks",
            "Looks at the topics' ids: same, missing (deleted), unreachable; another ends the worker with code 4",
            ("outcome",),
            registry=registry,
        )
        self.quarantined = Gauge(
            "quarantined_events",
            "Messages of the log put into quarantine since the start",
            ("reason",),
            registry=registry,
        )
        self.updates = Counter("aggregator_updates", "Updates of reps published to kpi.updates", registry=registry)
        self.age = Histogram(
            "pipeline_event_age_seconds",
            "From the receipt of the oldest event of a batch to its numbers being readable",
            buckets=AGE_BUCKETS,
            registry=registry,
        )
        self.chunk_seconds = Histogram(
            "aggregator_chunk_seconds", "Time that one chunk takes, waits included", ("stage",), registry=registry
        )
        self.last_chunk = Gauge(
            "aggregator_last_chunk_timestamp_seconds", "When a chunk was last applied", ("stage",), registry=registry
        )
        self.restatements = Counter(
            "aggregator_restatements",
            "Readings of closed periods that changed, because of late events or an edit: /v1/restatements has them",
            registry=registry,
        )
        self.refold_pending = Gauge(
            "aggregator_refold_pending",
            "Records (ledger) and reps (scoreboard) that do not follow an edit of the configuration yet",
            ("stage",),
            registry=registry,
        )
        self.swept = Counter(
            "aggregator_swept",
            "What the daily sweep did to what is old; page_unpacked: packed pages that late facts opened again",
            ("kind",),
            registry=registry,
        )
        self.packed_bytes = Counter(
            "aggregator_packed_bytes", "Pages that were packed: bytes before (plain) and after (packed)", ("form",),
            registry=registry,
        )  # fmt: skip
        self.last_sweep = Gauge(
            "aggregator_last_sweep_timestamp_seconds",
            "When the last sweep began that a partition of this worker is through with",
            ("stage",),
            registry=registry,
        )
        self.audit = Counter(
            "aggregator_audit",
            "Looks of the self-check: cells against the fold of their pages, facts of pages against their records, "
            "events of the log against both",
            ("kind", "finding"),
            registry=registry,
        )
        self.lag = Gauge(
            "kafka_consumer_lag_messages",
            "End of the log less what is applied, for partitions of this worker",
            ("topic", "partition"),
            registry=registry,
        )
        self.config_valid = Gauge(
            "pacer_config_valid", "1 while the last edit of the configuration was accepted", registry=registry
        )
        self.heartbeats = HeartbeatGauges(registry, *STAGES)
        self._start()

    def _start(self) -> None:
        for stage in STAGES:
            self.chunk_seconds.labels(stage=stage)
            self.refold_pending.labels(stage=stage)
            for outcome in OUTCOMES:
                self.events.labels(stage=stage, outcome=outcome)
        for kind in SweptKind:
            self.swept.labels(kind=kind)
        for form in ("plain", "packed"):
            self.packed_bytes.labels(form=form)
        for audited in AUDITED:
            for finding in Finding:
                self.audit.labels(kind=audited, finding=finding)
        for reason in PoisonReason:
            self.quarantined.labels(reason=reason)
        self._start_notices()

    def _start_notices(self) -> None:
        for topic in (CRM_EVENTS, KPI_FACTS):
            self.skipped.labels(topic=topic)
        for notice in (Notice.WENT_BACK, Notice.ANOTHER_SERVER):
            self.set_backs.labels(reason=notice)
        for seen in LogLook:
            self.log_looks.labels(outcome=seen)
