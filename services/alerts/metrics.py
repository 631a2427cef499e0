"""Every metric of the alerts service."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.alerts.domain.lifecycle import Reason
from services.alerts.domain.notifications import Outcome
from shared.domain.alerting import Severity
from shared.domain.episodes import Episode, EpisodeState
from shared.observability.heartbeats import HeartbeatGauges

FAILED = "failed"


class SetBack(StrEnum):
    """What was found to be older in Redis than before; a label."""

    ALERTS = "alerts"
    NUMBERS = "numbers"


SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 15)


class AlertsMetrics:
    """Counters and gauges; label values that can be known begin at 0."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._alerts = Gauge("pacer_alerts", "Open episodes", ["state", "severity"], registry=registry)
        self._notifications = Counter(
            "alerts_notifications", "Attempts to notify, by how they went", ["receiver", "outcome"], registry=registry
        )
        self._judgements = Counter(
            "alerts_judgements", "Judgements of a rule for a subject, by reason", ["reason"], registry=registry
        )
        self._decision = Histogram(
            "alerts_decision_seconds", "From a changed number to the decision", buckets=SECONDS, registry=registry
        )
        self._conflicts = Counter(
            "alerts_commit_conflicts", "Changes that somebody else was first to", registry=registry
        )
        self._retries = Counter(
            "alerts_dependency_failures", "Rounds given up as a dependency was away", ["reason"], registry=registry
        )
        self._set_backs = Counter(
            "alerts_set_backs",
            "Times that Redis was found to hold an older state than before",
            ["of"],
            registry=registry,
        )
        self._steps = Counter(
            "alerts_clock_steps", "Times that the host's clock was set by more than two seconds", registry=registry
        )
        self._unpublished = Counter(
            "alerts_sent_unpublished",
            "Notifications sent though alerts.episodes could not be written",
            registry=registry,
        )
        self._judged_at = Gauge("alerts_judged_timestamp_seconds", "When rules were last judged", registry=registry)
        self.config_valid = Gauge(
            "pacer_config_valid", "1 while the configuration on disk is the one that runs", registry=registry
        )
        self.heartbeats = HeartbeatGauges(registry, "alerts")
        for of in SetBack:
            self._set_backs.labels(of)
        for reason in (*Reason, FAILED):
            self._judgements.labels(reason)
        self.open_episodes(())
        self.config_valid.set(1)

    def receivers(self, ids: Iterable[str]) -> None:
        """Begins every receiver's counters at 0."""
        for receiver in ids:
            for outcome in Outcome:
                self._notifications.labels(receiver, outcome)

    def open_episodes(self, episodes: Iterable[Episode]) -> None:
        """How many are open now, in all tenants."""
        counted = Tally((episode.state, episode.severity) for episode in episodes)
        for state in (EpisodeState.PENDING, EpisodeState.FIRING):
            for severity in Severity:
                self._alerts.labels(state, severity.name.lower()).set(counted[state, severity])

    def judged(self, reason: Reason) -> None:
        """One watch was judged."""
        self._judgements.labels(reason).inc()

    def judgement_failed(self) -> None:
        """One watch could not be judged; the others are."""
        self._judgements.labels(FAILED).inc()

    def round_ended(self, at_seconds: float) -> None:
        """All watches of a round are judged."""
        self._judged_at.set(at_seconds)

    def decided_after(self, seconds: float) -> None:
        """Time since the number changed."""
        self._decision.observe(max(seconds, 0.0))

    def set_back(self, of: SetBack) -> None:
        """The stored state went back."""
        self._set_backs.labels(of).inc()

    def clock_stepped(self) -> None:
        """The host's clock was set."""
        self._steps.inc()

    def sent_unpublished(self) -> None:
        """A notification could not wait for Kafka."""
        self._unpublished.inc()

    def conflict(self) -> None:
        """A commit was fenced off."""
        self._conflicts.inc()

    def dependency_failed(self, reason: str) -> None:
        """Redis or Kafka was away."""
        self._retries.labels(reason).inc()

    def notified(self, receiver: str, outcome: Outcome) -> None:
        """One attempt."""
        self._notifications.labels(receiver, outcome).inc()
