"""Puts the aggregator together; the only module that knows all of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from services.aggregator.adapters.audit_rounds import AuditRounds
from services.aggregator.adapters.chunk_runner import ChunkRunner
from services.aggregator.adapters.chunk_worker import ChunkFlow, ChunkWorker, LoadOffsets
from services.aggregator.adapters.configured_catalogue import ConfiguredCatalogue
from services.aggregator.adapters.fault_points import arm
from services.aggregator.adapters.kafka_events_log import KafkaEventsLog
from services.aggregator.adapters.kafka_publishers import KafkaFactsPublisher, KafkaQuarantineSink, RenewableProducer
from services.aggregator.adapters.log_identity import LogLayout, check_layout
from services.aggregator.adapters.log_positions import LogPositions
from services.aggregator.adapters.log_watch import log_watches
from services.aggregator.adapters.operations_server import asked_in, serve_operations
from services.aggregator.adapters.process_end import end_process
from services.aggregator.adapters.progress import Progress
from services.aggregator.adapters.redis_ledger_store import RedisLedgerStore
from services.aggregator.adapters.redis_poison_tallies import RedisPoisonTallies
from services.aggregator.adapters.redis_scoreboard_store import RedisScoreboardStore
from services.aggregator.adapters.redis_sweep_log import RedisSweepLog
from services.aggregator.adapters.state_following import StateFollower
from services.aggregator.adapters.state_recovery import StateRecovery
from services.aggregator.adapters.updates_publisher import UpdatesPublisher
from services.aggregator.adapters.watchdog import Watchdog, all_reachable
from services.aggregator.auditing import LogAudit
from services.aggregator.domain.poison import PoisonLimit
from services.aggregator.ledger import Ledger
from services.aggregator.metrics import STAGES, AggregatorMetrics
from services.aggregator.page_auditing import PagesAudit
from services.aggregator.poison import PoisonKeeper
from services.aggregator.ports import ChunkHandler
from services.aggregator.scoreboard import Scoreboard
from services.aggregator.settings import DEFAULT_PORT, AggregatorSettings
from services.aggregator.sweep_rounds import SweepRounds
from shared.adapters.kafka_partitions import ledger_partition
from shared.adapters.kafka_topics import ensure_topics
from shared.adapters.redis_client import open_redis
from shared.adapters.system_clock import SystemClock
from shared.configuration import Deployment, LiveConfiguration
from shared.contracts.keys import ledger_tag, scoreboard_tag
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS, TOPICS
from shared.domain.clock import Clock
from shared.errors import TransientError
from shared.observability.health import Health
from shared.observability.operations import process_registry

ASK_AGAIN_SECONDS = 0.2


class PartEnded(TransientError):
    """Faust or a side task stopped without an error; a new start is the remedy."""

    reason = "part_ended"


class Aggregator:
    """A running worker with its side tasks. A side task that ends has met a bug: ``failed`` raises it."""

    def __init__(self, worker: ChunkWorker, side_tasks: Iterable[Coroutine[Any, Any, None]]) -> None:
        self.worker = worker
        self._tasks = [asyncio.create_task(each) for each in side_tasks]

    async def failed(self) -> None:
        """Never returns. Raises: what crashed Faust or a side task, PartEnded if one just stopped."""
        ending = asyncio.create_task(self.worker.ended())
        done, _ = await asyncio.wait([ending, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        raise PartEnded("a part of the worker ended that runs for ever")

    async def close(self) -> None:
        """Ends the side tasks; what they had not done is found in Redis by the next owner.

        Asked again until they have: redis-py forgets that it was cancelled when it happens while it connects.
        """
        pending = set(self._tasks)
        while pending:
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=ASK_AGAIN_SECONDS)


@asynccontextmanager
async def open_worker(settings: AggregatorSettings, environment: Mapping[str, str]) -> AsyncIterator[Aggregator]:
    """A running worker; leaving the block drains it.

    Raises: ConfigurationError for a configuration or a log that a person has to look at; TransientError when Kafka
    or Redis cannot be reached at the start.
    """
    metrics, clock = AggregatorMetrics(process_registry()), SystemClock()
    configuration = LiveConfiguration(settings.config_dir, environment)
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(open_redis(settings.redis))
        producer = RenewableProducer(settings.kafka)
        stack.push_async_callback(producer.close)
        layout = await _lay_out(settings, configuration.deployment, redis, producer)
        catalogue = ConfiguredCatalogue(redis, metrics, clock)
        await catalogue.accept(configuration.deployment, configuration.version)
        updates = UpdatesPublisher(
            redis, producer, metrics, clock=clock, interval=settings.chunk.update_interval, state=layout.state
        )
        audit = AuditRounds(metrics, settings.audit)
        stages = _Stages(
            redis,
            producer,
            metrics,
            layout,
            updates=updates,
            clock=clock,
            catalogue=catalogue,
            events=KafkaEventsLog(settings.kafka, producer, random.Random()),  # noqa: S311 - a sample, no secret
            audit=audit,
            limit=PoisonLimit(settings.poison.share, settings.poison.at_least),
        )
        stages.environment = environment
        flow = ChunkFlow(
            {
                topic: ChunkRunner(stage, handler, metrics, clock, log_epoch=layout.log_epoch)
                for (topic, handler), stage in zip(stages.of(layout.state).items(), STAGES, strict=True)
            },
            stages.positions(layout.state),
            chunk_records={CRM_EVENTS: settings.chunk.events, KPI_FACTS: settings.chunk.facts},
            linger_seconds=settings.chunk.linger.total_seconds(),
        )
        worker = ChunkWorker(settings.kafka, flow)
        progress = Progress(redis, metrics, updates, runners=flow.runners, clock=clock, layout=layout)
        stack.enter_context(
            serve_operations(_health(worker, redis), metrics.registry, settings.http, default_port=DEFAULT_PORT)
        )
        Watchdog(worker, reachable=lambda: all_reachable(_addresses(settings)), end=end_process).start()
        await worker.start()
        stack.push_async_callback(worker.stop)
        follower = _follower(redis, layout, catalogue, worker, move=_moving(stages, flow, worker, updates, progress))
        side_tasks = (
            updates.run(),
            progress.run(worker.consumer, StateRecovery(worker.consumer, catalogue, metrics).begin_again),
            catalogue.follow(configuration),
            worker.settle(),
            follower.run(),
            audit.look_at_cells(worker.consumer),
            audit.look_at_log(worker.consumer),
            *log_watches(settings.kafka, layout, metrics),
        )
        aggregator = Aggregator(worker, side_tasks)
        stack.push_async_callback(aggregator.close)
        yield aggregator


class _Stages:
    """Makes the use cases of a state: ledger and scoreboard, by the topic that they work off."""

    def __init__(
        self,
        redis: Redis,
        producer: RenewableProducer,
        metrics: AggregatorMetrics,
        layout: LogLayout,
        *,
        updates: UpdatesPublisher,
        clock: Clock,
        catalogue: ConfiguredCatalogue,
        events: KafkaEventsLog,
        audit: AuditRounds,
        limit: PoisonLimit,
    ) -> None:
        self._limit = limit
        self._redis = redis
        self._producer = producer
        self._metrics = metrics
        self._layout = layout
        self._updates = updates
        self._events = events
        self._audit = audit
        self._quarantine = KafkaQuarantineSink(producer, metrics, clock)
        self._catalogue = catalogue
        self._clock = clock
        self.environment: Mapping[str, str] = {}
        """Where a test may ask for fault points."""

    def of(self, state: str) -> dict[str, ChunkHandler]:
        """New ones, the earlier stage first; nothing that was cached of another state is known to them."""
        epoch, catalogue = self._layout.log_epoch, self._catalogue
        tallies = RedisPoisonTallies(self._redis, state=state)
        records = RedisLedgerStore(self._redis, log_epoch=epoch, state=state)
        publisher = KafkaFactsPublisher(self._producer, partitions=self._layout.facts_partitions, state=state)
        ledger = Ledger(
            records,
            publisher,
            poison=PoisonKeeper(CRM_EVENTS, self._quarantine, tallies, self._limit),
            catalogue=catalogue,
            rounds=SweepRounds(RedisSweepLog(self._redis, ledger_tag, state=state), self._clock),
        )
        store = RedisScoreboardStore(self._redis, log_epoch=epoch, state=state)
        scoreboard = Scoreboard(
            store,
            self._updates,
            poison=PoisonKeeper(KPI_FACTS, self._quarantine, tallies, self._limit),
            catalogue=catalogue,
            rounds=SweepRounds(RedisSweepLog(self._redis, scoreboard_tag, state=state), self._clock),
        )
        log_audit = LogAudit(
            self._events,
            records,
            store,
            reattribution=ledger.reattribution,
            catalogue=catalogue,
            clock=self._clock,
        )
        pages_audit = PagesAudit(
            records,
            store,
            publisher,
            reattribution=ledger.reattribution,
            catalogue=catalogue,
            clock=self._clock,
            ledger_of=lambda key: ledger_partition(key, self._layout.events_partitions),
            chance=random.Random(),  # noqa: S311 - a sample, no secret
        )
        self._audit.compare(scoreboard.audit, pages_audit, log_audit)
        arm(self.environment, publisher, "publish", before="before_publish")
        arm(self.environment, records, "commit", before="before_ledger_commit", after="after_ledger_commit")
        arm(self.environment, store, "commit", before="before_scoreboard_commit", after="before_update")
        return {CRM_EVENTS: ledger, KPI_FACTS: scoreboard}

    def positions(self, state: str) -> LoadOffsets:
        """Where the partitions of a state go on."""
        return LogPositions(self._redis, self._metrics, log_epoch=self._layout.log_epoch, state=state).load


def _moving(
    stages: _Stages, flow: ChunkFlow, worker: ChunkWorker, updates: UpdatesPublisher, progress: Progress
) -> Callable[[str], None]:
    """How the worker moves to another state: all at once, between two turns of the loop."""

    def move(state: str) -> None:
        flow.take_over(stages.of(state), stages.positions(state))
        updates.follow(state)
        progress.follow(state)
        worker.consumer.start_over()

    return move


def _follower(
    redis: Redis,
    layout: LogLayout,
    catalogue: ConfiguredCatalogue,
    worker: ChunkWorker,
    *,
    move: Callable[[str], None],
) -> StateFollower:
    return StateFollower(
        redis,
        layout.state,
        laid_out=layout.fields,
        generation=lambda: catalogue.generation,
        move=move,
        hold=worker.consumer.holding.let,
    )


async def _lay_out(
    settings: AggregatorSettings, deployment: Deployment, redis: Redis, producer: RenewableProducer
) -> LogLayout:
    """Creates missing topics and checks that the state belongs to this log."""
    await ensure_topics(
        settings.kafka.bootstrap_servers,
        TOPICS,
        partitions=settings.kafka.partitions,
        retention=deployment.retention,
    )

    async def count(kafka: AIOKafkaProducer) -> tuple[int, int]:
        return len(await kafka.partitions_for(CRM_EVENTS)), len(await kafka.partitions_for(KPI_FACTS))

    events, facts = await producer.run(count)
    return await check_layout(redis, settings.kafka, events_partitions=events, facts_partitions=facts)


def _health(worker: ChunkWorker, redis: Redis) -> Health:
    async def ping() -> str:
        await redis.ping()
        return "ok"

    async def group() -> str:
        return worker.state()

    loop, health = asyncio.get_running_loop(), Health()
    health.check("redis", asked_in(loop, ping))
    health.check("kafka", asked_in(loop, group))
    return health


def _addresses(settings: AggregatorSettings) -> list[tuple[str, int]]:
    """What must be reachable before a standstill is blamed on this process."""
    host, _, port = settings.kafka.bootstrap_servers.split(",")[0].rpartition(":")
    redis = urlsplit(settings.redis.url.get_secret_value())
    return [(host, int(port)), (redis.hostname or "127.0.0.1", redis.port or 6379)]
