"""Topics and what holds for them on every broker."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

CRM_EVENTS = "crm.events"
CRM_QUARANTINE = "crm.quarantine"
CRM_RETRIES = "crm.retries"
CRM_ENRICHMENTS = "crm.enrichments"
SOURCE_HEALTH = "source.health"
KPI_FACTS = "kpi.facts"
KPI_UPDATES = "kpi.updates"
ALERTS_EPISODES = "alerts.episodes"

DEFAULT_PARTITIONS = 8
FACTS_KEPT = timedelta(days=7)
HEALTH_KEPT = timedelta(days=2)
RETRIES_KEPT = timedelta(days=7)
"""Who asked for a retry while no ingest ran still gets it after a long weekend."""
ENRICHMENTS_KEPT = timedelta(days=7)
"""A token that a CRM refuses since Friday is mended in time; what was asked for meanwhile is still asked for."""
MAX_MESSAGE_BYTES = 4_194_304
"""What a broker takes at once: the largest event (half of it), as base64 in quarantine, still fits."""


class Topic(Struct, frozen=True):
    """How a topic is created. ``kept`` None means the deployment's ``retention_days``."""

    name: str
    compacted: bool = False
    kept: timedelta | None = None


TOPICS = (
    Topic(CRM_EVENTS),
    Topic(CRM_QUARANTINE),
    Topic(CRM_RETRIES, kept=RETRIES_KEPT),
    Topic(CRM_ENRICHMENTS, kept=ENRICHMENTS_KEPT),
    Topic(SOURCE_HEALTH, kept=HEALTH_KEPT),
    Topic(KPI_FACTS, kept=FACTS_KEPT),
    Topic(KPI_UPDATES, compacted=True),
    Topic(ALERTS_EPISODES),
)
