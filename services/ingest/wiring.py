"""Puts the ingest service together."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog
from msgspec import Struct
from prometheus_client import CollectorRegistry

from services.ingest.adapters.event_log import open_event_log
from services.ingest.adapters.http import WebhookApp
from services.ingest.intake import Intake
from services.ingest.metrics import IngestMetrics
from services.ingest.ports import EventLog
from services.ingest.providers.registry import PROVIDERS
from services.ingest.settings import DEFAULT_PORT, IngestSettings
from shared.adapters.system_clock import SystemClock
from shared.configuration.deployment import Deployment
from shared.configuration.loading import load_deployment
from shared.configuration.watching import configuration_version, watch
from shared.domain.clock import Clock
from shared.observability.health import Health
from shared.observability.operations import operations_routes, process_registry
from shared.observability.serving import serve

RELOAD_INTERVAL = timedelta(seconds=1)
log = structlog.get_logger()


class ConfigurationState:
    """What /readyz says of the configuration. An invalid edit does not make the service unready: it runs on."""

    def __init__(self) -> None:
        self.valid = True

    async def state(self) -> str:
        """A short word."""
        return "valid" if self.valid else "the last edit is invalid; the one before it runs"


class Ingest(Struct, frozen=True):
    """The service's parts that its process drives."""

    app: WebhookApp
    intake: Intake
    metrics: IngestMetrics
    health: Health
    configuration: ConfigurationState


def build_ingest(event_log: EventLog, clock: Clock, *, registry: CollectorRegistry) -> Ingest:
    """The service on any log and clock."""
    metrics = IngestMetrics(registry)
    health = Health()
    intake = Intake(providers=PROVIDERS, log=event_log, clock=clock, metrics=metrics, new_delivery_id=new_delivery_id)
    configuration = ConfigurationState()
    health.check("configuration", configuration.state)
    operations = {route.path: route.app for route in operations_routes(health, registry)}
    return Ingest(WebhookApp(intake, metrics, operations), intake, metrics, health, configuration)


@asynccontextmanager
async def open_ingest(settings: IngestSettings, deployment: Deployment) -> AsyncIterator[Ingest]:
    """The service on Kafka, with the deployment's sources."""
    days = max((tenant.retention_days for tenant in deployment.tenants.values()), default=400)
    async with open_event_log(settings.kafka, retention=timedelta(days=days)) as event_log:
        ingest = build_ingest(event_log, SystemClock(), registry=process_registry())
        ingest.intake.configure(deployment.sources)
        ingest.health.check("kafka", event_log.state)
        yield ingest


async def run(settings: IngestSettings) -> None:
    """Serves until a signal ends it: accepts no more, finishes its requests, sends what waits, returns.

    Raises: ConfigurationInvalid when there is nothing valid to start with.
    """
    version = configuration_version(settings.config_dir)
    deployment = load_deployment(settings.config_dir, os.environ)
    async with open_ingest(settings, deployment) as ingest, asyncio.TaskGroup() as tasks:
        reloader = tasks.create_task(reload(ingest, settings, since=version))
        await serve(ingest.app, settings.http, DEFAULT_PORT)
        reloader.cancel()


async def reload(ingest: Ingest, settings: IngestSettings, *, since: str) -> None:
    """Follows the configuration's edits; an invalid one leaves everything as it is."""
    async for found in watch(settings.config_dir, os.environ, RELOAD_INTERVAL, since=since):
        ingest.configuration.valid = isinstance(found, Deployment)
        ingest.metrics.config_valid(valid=ingest.configuration.valid)
        if isinstance(found, Deployment):
            ingest.intake.configure(found.sources)
            log.info("configuration_reloaded", sources=sorted(found.sources))
        else:
            log.error("configuration_invalid", problems=[str(problem) for problem in found.problems])


def new_delivery_id() -> str:
    """Names a delivery in answers, logs and events."""
    return f"dl_{secrets.token_hex(12)}"
