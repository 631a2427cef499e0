"""Puts the ingest service together."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

from msgspec import Struct
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from services.ingest.adapters.bodies import Bodies
from services.ingest.adapters.crm_api import open_crm_api
from services.ingest.adapters.enrichment_follower import EnrichmentFollower
from services.ingest.adapters.event_log import open_event_log
from services.ingest.adapters.http import WebhookApp
from services.ingest.adapters.retry_follower import RetryFollower
from services.ingest.adapters.shared_allowances import SharedAllowances
from services.ingest.adapters.source_reports import KafkaSourceReports
from services.ingest.adapters.spool_opening import open_spool
from services.ingest.domain.source_accounts import SourceAccounts
from services.ingest.enriching import Enriching
from services.ingest.heart import Heart
from services.ingest.intake import Intake
from services.ingest.metrics import IngestMetrics
from services.ingest.ports import EventLog, KeptEntries, RetryLog, Spool
from services.ingest.providers.registry import PROVIDERS
from services.ingest.reporting import Reporting
from services.ingest.retrying import Retrying
from services.ingest.settings import BODIES_IN_FLIGHT, DEFAULT_PORT, IngestSettings
from services.ingest.spool_metrics import SpoolMetrics
from services.ingest.spooling import SpooledLog, SpoolingLog
from shared.adapters.quarantine_topic import QuarantineBodies
from shared.adapters.system_clock import SystemClock
from shared.configuration.deployment import Deployment
from shared.configuration.following import LiveConfiguration
from shared.domain.clock import Clock
from shared.observability.health import Health
from shared.observability.operations import operations_routes, process_registry
from shared.observability.serving import serve
from shared.observability.whole_health import WholeHealth
from shared.observability.whole_metrics import share_metrics
from shared.observability.workers import Worker

REPORT_SECONDS = 10.0
"""How old the status may be in what only ingest knows."""
YOUNG_OBJECTS = 20_000
"""A batch of a hundred events makes some thousand objects without a cycle: collecting each 700 took half of the time in
which a batch is parsed."""
READY_SECONDS = 3.0
READY_POLL_SECONDS = 0.05


class Log(EventLog, RetryLog, Protocol):
    """Where deliveries and retries go."""


class Ingest(Struct, frozen=True):
    """The service's parts that its process drives."""

    app: WebhookApp
    heart: Heart
    intake: Intake
    retrying: Retrying
    metrics: IngestMetrics
    health: Health
    accounts: SourceAccounts
    enriching: Enriching | None = None

    def configure(self, deployment: Deployment) -> None:
        """From now on this is the configuration."""
        self.intake.configure(deployment.sources)
        self.metrics.spool.expect_sources(source.id for source in deployment.sources.values() if source.spool)
        self.retrying.configure(deployment.tenants)
        if self.enriching is not None:
            self.enriching.configure(deployment.sources)


def build_ingest(
    event_log: Log,
    kept: KeptEntries,
    clock: Clock,
    *,
    registry: CollectorRegistry,
    bodies_in_flight: int = BODIES_IN_FLIGHT,
    metrics: IngestMetrics | None = None,
    shared: Shared | None = None,
) -> Ingest:
    """The service on any log and clock.

    ``metrics`` where parts outside it count on the same registry, ``shared`` where other processes serve with this one.
    """
    metrics = metrics or IngestMetrics(registry)
    health = shared.health if shared else Health()
    accounts = SourceAccounts(secrets.token_hex(6))
    intake = Intake(
        providers=PROVIDERS,
        log=event_log,
        clock=clock,
        metrics=metrics,
        accounts=accounts,
        new_delivery_id=new_delivery_id,
        new_allowance=shared.allowances.of if shared else None,
    )
    retrying = Retrying(intake, event_log, kept, clock=clock, metrics=metrics)
    operations = {route.path: route.app for route in operations_routes(health, registry)}
    heart = Heart(event_log, clock, metrics)
    app = WebhookApp(intake, Bodies(bodies_in_flight), metrics, operations)
    return Ingest(app, heart, intake, retrying, metrics, health, accounts)


class Shared(NamedTuple):
    """What the processes of one service have in common, each through a file."""

    registry: CollectorRegistry
    health: WholeHealth
    allowances: SharedAllowances


def share(worker: Worker) -> Shared:
    """Before any metric is made."""
    allowances = SharedAllowances(worker.directory / "allowances", index=worker.index, count=worker.count)
    return Shared(share_metrics(worker), WholeHealth(worker), allowances)


@asynccontextmanager
async def open_ingest(
    settings: IngestSettings, configuration: LiveConfiguration, shared: Shared | None = None
) -> AsyncIterator[Ingest]:
    """The service on Kafka and its spool, with the configured sources. Raises: NoSpoolKey."""
    registry, clock = process_registry(), SystemClock()
    metrics = IngestMetrics(registry)
    retention = configuration.deployment.retention
    async with (
        open_spool(settings.spool, clock, metrics.spool) as spool,
        open_event_log(settings.kafka, retention=retention) as event_log,
        drained_into(event_log, spool, metrics.spool) as spooling_log,
        open_crm_api(clock) as crm_api,
    ):
        kept = QuarantineBodies(settings.kafka)
        ingest = build_ingest(
            spooling_log,
            kept,
            clock,
            registry=shared.registry if shared else registry,
            bodies_in_flight=settings.bodies.in_flight,
            metrics=metrics,
            shared=shared,
        )
        enriching = Enriching(PROVIDERS, crm_api, spooling_log, clock=clock, metrics=metrics.enrichment)
        ingest = replace(ingest, enriching=enriching)
        ingest.configure(configuration.deployment)
        ingest.health.check("configuration", configuration.state)
        ingest.health.check("kafka", event_log.state)
        ingest.health.check("spool", spool.state)
        async with telling(Reporting(ingest.accounts, KafkaSourceReports(event_log), clock)):
            yield ingest


@asynccontextmanager
async def telling(reporting: Reporting) -> AsyncIterator[None]:
    """Tells of the sources as long as the block lasts, and what is left at its end."""
    async with asyncio.TaskGroup() as tasks:
        reports = tasks.create_task(reporting.run(REPORT_SECONDS))
        try:
            yield
            await reporting.tell()
        finally:
            reports.cancel()


@asynccontextmanager
async def drained_into(event_log: SpooledLog, spool: Spool, metrics: SpoolMetrics) -> AsyncIterator[SpoolingLog]:
    """The log with its spool, which is drained as long as the block lasts."""
    spooling_log = SpoolingLog(event_log, spool, metrics)
    async with asyncio.TaskGroup() as tasks:
        drainer = tasks.create_task(spooling_log.run())
        try:
            yield spooling_log
        finally:
            drainer.cancel()


async def run(settings: IngestSettings, worker: Worker | None = None) -> None:
    """Serves until a signal ends it: accepts no more, finishes its requests, sends what waits, returns.

    ``worker``: which of several processes this is. Raises: ConfigurationInvalid when there is nothing valid to start
    with.
    """
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)
    configuration = LiveConfiguration(settings.config_dir, os.environ)
    shared = share(worker) if worker else None
    async with open_ingest(settings, configuration, shared) as ingest, asyncio.TaskGroup() as tasks:
        works = [follow(configuration, ingest)]
        if worker is None or worker.is_first:
            works += for_all(settings, ingest, retention=configuration.deployment.retention)
        if shared:
            works.append(shared.health.publish())
        beside = [tasks.create_task(work) for work in works]
        if worker:
            await until_ready(ingest.health)
        sockets = [worker.socket] if worker else None
        await serve(ingest.app, settings.http, DEFAULT_PORT, on_cut=ingest.metrics.cut, sockets=sockets)
        for task in beside:
            task.cancel()


def for_all(settings: IngestSettings, ingest: Ingest, *, retention: timedelta) -> list[Coroutine[Any, Any, None]]:
    """What one process does for all: a second heart would beat in between, a second enricher double the CRM's rate."""
    works = [
        ingest.heart.run(settings.heartbeat.every.total_seconds()),
        RetryFollower(settings.kafka, ingest.retrying, retention=retention).run(),
    ]
    if ingest.enriching is not None:
        works.append(EnrichmentFollower(settings.kafka, ingest.enriching, retention=retention).run())
    return works


def check(settings: IngestSettings) -> None:
    """Whether there is a configuration to start with. Raises: ConfigurationInvalid."""
    LiveConfiguration(settings.config_dir, os.environ)


async def until_ready(health: Health) -> None:
    """Waits for Kafka, for a while: what connects meanwhile waits too, rather than being told 503."""
    with suppress(TimeoutError):
        async with asyncio.timeout(READY_SECONDS):
            while not await health.is_ready():  # noqa: ASYNC110 - Kafka is asked, it does not tell
                await asyncio.sleep(READY_POLL_SECONDS)


async def follow(configuration: LiveConfiguration, ingest: Ingest) -> None:
    """Takes up the configuration's edits; an invalid one leaves everything as it is."""
    async for deployment in configuration.edits(ingest.metrics.config_valid.set):
        ingest.configure(deployment)


def new_delivery_id() -> str:
    """Names a delivery in answers, logs and events."""
    return f"dl_{secrets.token_hex(12)}"
