"""Puts the ingest service together."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from msgspec import Struct
from prometheus_client import CollectorRegistry

from services.ingest.adapters.event_log import open_event_log
from services.ingest.adapters.http import WebhookApp
from services.ingest.intake import Intake
from services.ingest.metrics import IngestMetrics
from services.ingest.ports import EventLog
from services.ingest.providers.registry import PROVIDERS
from services.ingest.settings import IngestSettings
from shared.adapters.system_clock import SystemClock
from shared.configuration.deployment import Deployment
from shared.domain.clock import Clock
from shared.observability.health import Health
from shared.observability.operations import operations_routes


class Ingest(Struct, frozen=True):
    """The service's parts that its process drives."""

    app: WebhookApp
    intake: Intake
    metrics: IngestMetrics
    health: Health


def build_ingest(log: EventLog, clock: Clock, *, registry: CollectorRegistry) -> Ingest:
    """The service on any log and clock."""
    metrics = IngestMetrics(registry)
    health = Health()
    intake = Intake(providers=PROVIDERS, log=log, clock=clock, metrics=metrics, new_delivery_id=new_delivery_id)
    operations = {route.path: route.app for route in operations_routes(health, registry)}
    return Ingest(WebhookApp(intake, metrics, operations), intake, metrics, health)


@asynccontextmanager
async def open_ingest(settings: IngestSettings, deployment: Deployment) -> AsyncIterator[Ingest]:
    """The service on Kafka, with the deployment's sources."""
    days = max((tenant.retention_days for tenant in deployment.tenants.values()), default=400)
    async with open_event_log(settings.kafka, retention=timedelta(days=days)) as log:
        ingest = build_ingest(log, SystemClock(), registry=CollectorRegistry())
        ingest.intake.configure(deployment.sources)
        ingest.health.check("kafka", log.state)
        yield ingest


def new_delivery_id() -> str:
    """Names a delivery in answers, logs and events."""
    return f"dl_{secrets.token_hex(12)}"
