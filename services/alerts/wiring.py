"""Puts the alerts service together; the only module that knows all of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
from redis.asyncio import Redis
from starlette.applications import Starlette

from services.alerts.adapters.episode_store import RedisEpisodeStore
from services.alerts.adapters.episode_topic import EpisodeTopic
from services.alerts.adapters.group_store import RedisGroupStore
from services.alerts.adapters.notification_body import rendering
from services.alerts.adapters.redis_history import RedisHistory
from services.alerts.adapters.redis_lease import RedisLease
from services.alerts.adapters.redis_marks import RedisMarks
from services.alerts.adapters.redis_sources import RedisSources
from services.alerts.adapters.updates_listener import UpdatesListener
from services.alerts.adapters.webhook_notifier import WebhookNotifier
from services.alerts.dispatcher import Desk, Dispatcher
from services.alerts.evaluator import Evaluator
from services.alerts.measuring import Measuring
from services.alerts.metrics import AlertsMetrics
from services.alerts.restoring import Restoring
from services.alerts.settings import DEFAULT_PORT, AlertsSettings, SendingSettings
from services.alerts.trust import Pulses, Trust
from shared.adapters.kafka_producer import open_producer
from shared.adapters.kafka_topics import ensure_topics
from shared.adapters.redis_client import open_redis
from shared.adapters.scoreboard_reader import ScoreboardReader
from shared.adapters.system_clock import SystemClock
from shared.configuration import Deployment, LiveConfiguration
from shared.contracts.heartbeats import NOBODY
from shared.contracts.messages import RepUpdated
from shared.contracts.topics import TOPICS
from shared.domain.alerting import Alerting
from shared.observability.health import Health
from shared.observability.operations import operations_routes, process_registry
from shared.observability.serving import serve

DRAIN_SECONDS = 8.0
"""How long the end waits for notifications on their way; a supervisor kills after more."""
_MICROSECOND = timedelta(microseconds=1)


async def run(settings: AlertsSettings) -> None:
    """Serves until a signal ends it. Raises: ConfigurationError, TransientError when it cannot start."""
    async with open_alerts(settings, os.environ) as app:
        await serve(app, settings.http, DEFAULT_PORT)


@asynccontextmanager
async def open_alerts(settings: AlertsSettings, environment: Mapping[str, str]) -> AsyncIterator[Starlette]:
    """The running service and its operators' pages; leaving the block drains it.

    ``environment`` is where the configuration's ``{env: NAME}`` are looked up. Raises: as ``run``.
    """
    registry, clock = process_registry(), SystemClock()
    metrics, health = AlertsMetrics(registry), Health()
    configuration = LiveConfiguration(settings.config_dir, environment)
    await ensure_topics(
        settings.kafka.bootstrap_servers,
        TOPICS,
        partitions=settings.kafka.partitions,
        retention=configuration.deployment.retention,
    )
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(open_redis(settings.redis))
        producer = await stack.enter_async_context(open_producer(settings.kafka))
        http = await stack.enter_async_context(_open_http(settings.sending))
        topic = EpisodeTopic(redis, producer, settings.kafka, lambda: evaluator.tenants, metrics)

        def committed() -> None:
            topic.wake()
            dispatcher.wake()

        store = RedisEpisodeStore(redis, committed)
        pulses = Pulses()
        groups = RedisGroupStore(redis, pulses)
        trust = Trust(pulses, RedisMarks(redis), Restoring(topic, store, groups), clock=clock, metrics=metrics)
        lease = RedisLease(redis, settings.judging.lease, pulses)
        evaluator = Evaluator(
            Measuring(ScoreboardReader(redis), metrics),
            store,
            sources=RedisSources(redis),
            history=RedisHistory(redis),
            lease=lease,
            trust=trust,
            clock=clock,
            metrics=metrics,
        )
        dispatcher = Dispatcher(
            groups,
            store,
            WebhookNotifier(http),
            render=rendering(settings.board_url),
            episodes=topic,
            may_send=trust.is_restored,
            clock=clock,
            metrics=metrics,
            claim_us=settings.sending.claim // _MICROSECOND,
        )

        def taken(found: Deployment) -> None:
            evaluator.use(found.tenants, found.alerting)
            dispatcher.use(_desks(found))

        def heard(update: RepUpdated) -> None:
            if update.tenant == NOBODY:
                metrics.heartbeats.passed("alerts", update.received_at, clock.now())
            else:
                evaluator.heard(update.tenant, update.rep, update.at)

        async def follow() -> None:
            async for found in configuration.edits(metrics.config_valid.set):
                taken(found)

        taken(configuration.deployment)
        listener = UpdatesListener(settings.kafka, heard, connected=evaluator.judge_all, metrics=metrics)
        _register(health, redis, listener)
        stack.push_async_callback(lease.release)
        work = (evaluator.run(settings.judging.tick.total_seconds()), topic.run(), listener.run(), follow())
        async with _working(work, dispatcher, settings.sending.look.total_seconds()):
            yield Starlette(routes=operations_routes(health, registry))


@asynccontextmanager
async def _working(
    work: tuple[Coroutine[Any, Any, None], ...], dispatcher: Dispatcher, look_seconds: float
) -> AsyncIterator[None]:
    """Keeps the loops; one that fails ends the service. At the end the notifications on their way arrive first."""
    async with asyncio.TaskGroup() as group:
        loops = [group.create_task(each) for each in work]
        sending = group.create_task(dispatcher.run(look_seconds))
        yield
        dispatcher.stop()
        await asyncio.wait([sending], timeout=DRAIN_SECONDS)
        for task in (*loops, sending):
            task.cancel()


def _open_http(settings: SendingSettings) -> httpx.AsyncClient:
    """No proxy from the environment: where alerts go is configured, not inherited."""
    return httpx.AsyncClient(
        timeout=settings.timeout.total_seconds(),
        limits=httpx.Limits(max_connections=settings.connections),
        proxy=settings.proxy,
        trust_env=False,
        follow_redirects=False,
        headers={"user-agent": "pacer-alerts"},
    )


def _desks(deployment: Deployment) -> list[Desk]:
    return [
        Desk(tenant.id, deployment.alerting.get(tenant.id, Alerting()), tenant.calendar)
        for tenant in deployment.tenants.values()
    ]


def _register(health: Health, redis: Redis, listener: UpdatesListener) -> None:
    async def redis_answers() -> str:
        await redis.ping()
        return "answers"

    async def kafka_heard() -> str:
        return listener.state()

    health.check("redis", redis_answers)
    health.check("kafka", kafka_heard)
