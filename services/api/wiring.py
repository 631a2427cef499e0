"""Puts the api together: the only place that knows every part."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from msgspec import Struct
from redis.asyncio import Redis

from services.api.adapters.arrivals_reader import RedisArrivals
from services.api.adapters.compiled_configuration import CompiledConfiguration
from services.api.adapters.episode_changes import RedisEpisodeChanges
from services.api.adapters.fact_pages import RedisPages
from services.api.adapters.http.answers import encode
from services.api.adapters.http.app import Parts, create_app
from services.api.adapters.http.event_stream import end_streams_with
from services.api.adapters.http.request_timing import RequestTiming
from services.api.adapters.kpi_exposition import KpiExposition
from services.api.adapters.ledger_records import RedisRecords
from services.api.adapters.log_followers import ChangeFollower, KafkaLogEnds
from services.api.adapters.pipeline_state import RedisPipeline
from services.api.adapters.quarantine_follower import KafkaQuarantine
from services.api.adapters.source_reports_follower import SourceReportsFollower
from services.api.adapters.stream_listener import StreamListener
from services.api.adapters.told_restatements import RedisRestatements
from services.api.alert_actions import AlertActions
from services.api.alerts_query import AlertsQuery
from services.api.kpi_series import KpiSeries
from services.api.live_readings import LiveReadings
from services.api.live_status import LiveStatus
from services.api.metrics import ApiMetrics
from services.api.quarantine_desk import QuarantineDesk
from services.api.queries import Queries
from services.api.receipts_query import ReceiptsQuery
from services.api.restatements_query import RestatementsQuery
from services.api.settings import DEFAULT_PORT, ApiSettings
from services.api.source_health import SourceHealth
from services.api.source_watch import SourceWatch
from services.api.stream import Hub
from services.api.trends import TrendsQuery
from shared.adapters.episode_reader import EpisodeReader
from shared.adapters.episode_writer import EpisodeWriter
from shared.adapters.redis_client import open_redis
from shared.adapters.scoreboard_reader import ScoreboardReader
from shared.adapters.system_clock import SystemClock
from shared.configuration import LiveConfiguration
from shared.observability.health import Health
from shared.observability.operations import operations_routes, process_registry
from shared.observability.serving import server

WATCH_SECONDS = 15.0
"""A rhythm is of full hours: it need not be looked at more often."""


class Api(Struct, frozen=True):
    """A wired api: what to serve, and what has to end before the server can."""

    app: FastAPI
    hub: Hub


async def run(settings: ApiSettings) -> None:
    """Serves until a signal ends it; open streams are ended at once. Raises: ConfigurationError."""
    async with open_api(settings) as api:
        serving = server(api.app, settings.http, DEFAULT_PORT)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)  # uvicorn raises it again when done: closing comes first
        async with _running(end_streams_with(api.hub, serving)):
            await serving.serve()


@asynccontextmanager
async def open_api(settings: ApiSettings) -> AsyncIterator[Api]:
    """The application, connected; everything closes in reverse order. Raises: ConfigurationError."""
    registry, clock = process_registry(), SystemClock()
    metrics = ApiMetrics(registry)
    configured = CompiledConfiguration(LiveConfiguration(settings.config_dir, os.environ))
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(open_redis(settings.redis))
        ends = KafkaLogEnds(settings.kafka)
        stack.push_async_callback(ends.close)
        scoreboard, pipeline = ScoreboardReader(redis), RedisPipeline(redis, clock, ends)
        queries = Queries(configured, scoreboard, pipeline, clock, pages=RedisPages(redis))
        hub = _hub(settings, metrics)
        live, status = LiveReadings(configured, queries, hub, encode), LiveStatus(configured, queries, hub, encode)
        listener = StreamListener(
            hub,
            live,
            settings.board_url,
            heartbeat=lambda sent_at: metrics.heartbeats.passed("api", sent_at, clock.now()),
        )
        follower = ChangeFollower(settings.kafka, listener, retention=configured.deployment.retention)
        alerts = AlertsQuery(configured, EpisodeReader(redis), clock)
        changes = RedisEpisodeChanges(EpisodeWriter(redis))
        quarantine = KafkaQuarantine(
            settings.kafka,
            metrics,
            most=settings.quarantine.entries,
            retention=configured.deployment.retention,
        )
        reports = SourceReportsFollower(settings.kafka, clock, retention=configured.deployment.retention)
        health = SourceHealth(RedisArrivals(redis, clock), reports)
        watch = SourceWatch(configured, health, metrics, clock)
        app = create_app(
            Parts(
                configured=configured,
                queries=queries,
                receipts=ReceiptsQuery(queries, RedisPages(redis), RedisRecords(redis)),
                restatements=RestatementsQuery(queries, RedisRestatements(redis), RedisRecords(redis)),
                trends=TrendsQuery(queries, scoreboard, RedisPages(redis)),
                alerts=alerts,
                actions=AlertActions(alerts, changes, configured, clock),
                pipeline=pipeline,
                health=health,
                quarantine=QuarantineDesk(configured, quarantine, clock, new_retry_id),
                clock=clock,
                hub=hub,
                live=live,
                status=status,
            )
        )
        app.add_middleware(RequestTiming, seconds=metrics.request_seconds)
        app.router.routes.append(KpiExposition(KpiSeries(configured, queries, settings.metrics), registry).route())
        app.router.routes.extend(operations_routes(_health(redis, follower), registry))
        live_parts = (follower.run(), live.run(), live.sweep(), status.run(), quarantine.run())
        of_sources = (reports.run(), watch.run(WATCH_SECONDS))
        for task in (configured.follow(metrics.config_valid), *live_parts, *of_sources):
            await stack.enter_async_context(_running(task))
        yield Api(app, hub)


def new_retry_id() -> str:
    """Names a retry in what is said of each of its entries."""
    return f"rt_{secrets.token_hex(8)}"


def _hub(settings: ApiSettings, metrics: ApiMetrics) -> Hub:
    bounds = settings.stream
    return Hub(
        epoch=secrets.token_hex(4), ring=bounds.ring, backlog=bounds.backlog, most=bounds.clients, metrics=metrics
    )


def _health(redis: Redis, follower: ChangeFollower) -> Health:
    """Redis is what numbers come from. Kafka only moves the stream, but a board that stands still is not ready."""

    async def redis_answers() -> str:
        await redis.ping()
        return "answers"

    async def kafka_followed() -> str:
        if not follower.following:
            raise ConnectionError("updates are not followed")
        return "followed"

    health = Health()
    health.check("redis", redis_answers)
    health.check("kafka", kafka_followed)
    return health


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """A task for as long as the block; if it fails, the block does too."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        yield
        task.cancel()
