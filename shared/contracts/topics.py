"""Topics and what holds for them on every broker."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

CRM_EVENTS = "crm.events"
CRM_QUARANTINE = "crm.quarantine"
KPI_FACTS = "kpi.facts"
KPI_UPDATES = "kpi.updates"
ALERTS_EPISODES = "alerts.episodes"

DEFAULT_PARTITIONS = 8
FACTS_KEPT = timedelta(days=7)


class Topic(Struct, frozen=True):
    """How a topic is created. ``kept`` None means the deployment's ``retention_days``."""

    name: str
    compacted: bool = False
    kept: timedelta | None = None


TOPICS = (
    Topic(CRM_EVENTS),
    Topic(CRM_QUARANTINE),
    Topic(KPI_FACTS, kept=FACTS_KEPT),
    Topic(KPI_UPDATES, compacted=True),
    Topic(ALERTS_EPISODES),
)
