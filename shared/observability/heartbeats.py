"""How far heartbeats have come, in the metrics of every service that one passes through."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from shared.domain.instants import SECOND_US, Micros


class HeartbeatGauges:
    """Of each stage: when the newest heartbeat that passed was sent, and how old it was when it did."""

    def __init__(self, registry: CollectorRegistry, *stages: str) -> None:
        self._sent_at = Gauge(
            "pipeline_heartbeat_timestamp_seconds",
            "When the newest heartbeat that passed this stage was sent, Unix time; 0 before the first",
            ["stage"],
            registry=registry,
            multiprocess_mode="max",
        )
        self._delay = Gauge(
            "pipeline_heartbeat_delay_seconds",
            "How old the newest heartbeat was when it passed this stage",
            ["stage"],
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self._newest = dict.fromkeys(stages, 0)
        for stage in stages:
            self._sent_at.labels(stage)
            self._delay.labels(stage)

    def passed(self, stage: str, sent_at: Micros, now: Micros) -> None:
        """A heartbeat is through; one that is older than another before it says nothing new."""
        if sent_at > self._newest[stage]:
            self._newest[stage] = sent_at
            self._sent_at.labels(stage).set(sent_at / SECOND_US)
            self._delay.labels(stage).set(max(0, now - sent_at) / SECOND_US)

    def newest(self, stage: str) -> Micros:
        """When the newest that passed was sent; 0 before the first."""
        return self._newest[stage]
