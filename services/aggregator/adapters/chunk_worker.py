"""The Faust application: two topics, one agent each, chunks handed on to lanes of their partition.

Faust's tables, windows, tasks, web server and command line are not used (ADR 0003). The pinned settings below are
those that survived injected faults; each non-obvious one says why.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

import faust
import mode
import structlog
from faust.types import TP

from services.aggregator.adapters.chunk_consumer import ChunkConsumer, ChunkTransport
from services.aggregator.adapters.chunk_cutting import names
from services.aggregator.adapters.chunk_messages import ChunkMessage, ChunkSchema, QuietMonitor
from services.aggregator.adapters.chunk_runner import ChunkRunner
from services.aggregator.adapters.lanes import Lanes
from services.aggregator.adapters.process_end import EXIT_FAILED, EXIT_FOREIGN_LOG, EXIT_TOO_MUCH_POISON, end_process
from services.aggregator.ports import ChunkHandler, TooMuchPoison
from services.aggregator.settings import AggregatorKafkaSettings
from shared.errors import ConfigurationError, TransientError

QUEUED_CHUNKS = 4
"""Chunks that may wait between fetch and lane: bounds memory and the time of a rebalance."""
BEAT_SECONDS = 0.5
SETTLE_SECONDS = 0.25
"""How soon an idle partition begins to follow an edit of the configuration."""
POLL_RECORDS = 10_000
LoadOffsets = Callable[[Mapping[TP, tuple[int, int]]], Awaitable[Mapping[TP, int]]]
log = structlog.get_logger()


class NotAssigned(TransientError):
    """The group has not given this worker its partitions yet."""

    reason = "not_assigned"


class ChunkFlow:
    """What the consumer has to know of us: how to cut, where to go on, whom to tell that chunks became void."""

    def __init__(
        self,
        runners: Mapping[str, ChunkRunner],
        load_offsets: LoadOffsets,
        *,
        chunk_records: Mapping[str, int],
        linger_seconds: float,
    ) -> None:
        self.runners = runners
        self.chunk_records = chunk_records
        self.linger_seconds = linger_seconds
        self._load_offsets = load_offsets
        self.turn = 0

    def take_over(self, handlers: Mapping[str, ChunkHandler], load_offsets: LoadOffsets) -> None:
        """Another state is live; the consumer has to start over by then. ``turn`` counts how often."""
        for topic, handler in handlers.items():
            self.runners[topic].take_over(handler)
        self._load_offsets = load_offsets
        self.turn += 1

    async def load_offsets(self, bounds: Mapping[TP, tuple[int, int]]) -> Mapping[TP, int]:
        """As LogPositions.load. Without an answer nothing may start: Faust would begin at Kafka's own offsets."""
        try:
            return await self._load_offsets(bounds)
        except ConfigurationError as error:
            end_process(str(error), EXIT_FOREIGN_LOG)
            raise
        except Exception as error:
            log.exception("no_offsets_to_start_from", partitions=names(bounds))
            end_process(f"no offsets to start from: {error}", EXIT_FAILED)
            raise

    def voided(self, tp: TP) -> None:
        """Chunks of the partition became void: its caches go."""
        self.runners[tp.topic].void(tp)


class ChunkApp(faust.App):
    """Faust's application with our flow."""

    flow: ChunkFlow


class ChunkWorker:
    """A member of the consumer group. ``start`` returns once it runs, ``stop`` drains it."""

    def __init__(self, settings: AggregatorKafkaSettings, flow: ChunkFlow) -> None:
        self.beat: float | None = None
        self._flow = flow
        self._app = _app(settings, flow)
        self._lanes: Lanes[ChunkMessage | TP] = Lanes(self._work, _failed)
        for topic in flow.runners:
            self._app.agent(self._app.topic(topic, schema=ChunkSchema(), maxsize=QUEUED_CHUNKS), name=topic)(self._deal)
        self._beating: asyncio.Task[None] | None = None
        self._settling: set[TP] = set()

    @property
    def consumer(self) -> ChunkConsumer:
        """Faust's consumer, which is ours."""
        return cast("ChunkConsumer", self._app.consumer)

    async def start(self) -> None:
        """Joins the group; partitions arrive later."""
        self._app.loop = asyncio.get_running_loop()
        self._app.finalize()
        await self._app.start()
        self._beating = asyncio.create_task(self._beat(), name="heartbeat")

    async def stop(self) -> None:
        """Finishes the chunks in work, leaves the group."""
        if self._beating is not None:
            self._beating.cancel()
        await self._app.stop()
        await self._lanes.close()

    async def ended(self) -> None:
        """Returns when Faust has stopped. Raises: what crashed it."""
        await self._app.wait_until_stopped()
        if self._app.crash_reason is not None:
            raise self._app.crash_reason

    async def settle(self) -> None:
        """Has idle partitions follow every edit of the configuration, for ever; busy ones do after each chunk."""
        while True:
            await asyncio.sleep(SETTLE_SECONDS)
            for tp in list(self.consumer.applied):
                if tp not in self._settling and self._lanes.is_idle(tp):
                    self._settling.add(tp)
                    await self._lanes.put(tp, tp)

    def state(self) -> str:
        """For people: how many partitions are worked on. Raises: NotAssigned before the first assignment."""
        if self.beat is None or self._app.rebalancing or not self.consumer.flow_active:
            raise NotAssigned("partitions are being assigned")
        return f"{len(self.consumer.applied)} partitions"

    def stopping(self) -> bool:
        """Whether the shutdown has begun."""
        return bool(self._app.should_stop)

    def rebalancing(self) -> bool:
        """Whether a rebalance is under way."""
        return bool(self._app.rebalancing)

    def signs(self) -> dict[str, Any]:
        """Signs of life a partition, for the watchdog; a partition that comes back has a new stamp and new clocks."""
        signs: dict[str, Any] = {}
        consumer, turn, now = self.consumer, self.consumer.stamp(), time.monotonic()
        for tp, applied in list(consumer.applied.items()):
            answered, end = consumer.last_answer(tp), consumer.log_end(tp)
            if answered is not None:
                signs[f"no fetch response {names([tp])} {turn}"] = answered
                signs[f"no chunk applied {names([tp])} {turn}"] = applied if (end or 0) > applied else now
        return signs

    async def _beat(self) -> None:
        while True:
            self.beat = time.monotonic()
            self.consumer.check_group(lambda error: end_process(f"group: {error}"))
            await asyncio.sleep(BEAT_SECONDS)

    async def _deal(self, stream: Any) -> None:  # noqa: ANN401 - Faust's stream
        async for event in stream.events():
            message = event.message
            message.incref()  # the lane's: Faust waits for it before it gives partitions away
            await self._lanes.put(message.tp, message)

    async def _work(self, message: ChunkMessage | TP) -> None:
        if isinstance(message, TP):
            return await self._settle(message)
        try:
            await self._flow.runners[message.topic].run(self.consumer, message)
        finally:
            message.ack(self.consumer)
        return None

    async def _settle(self, tp: TP) -> None:
        try:
            while await self._flow.runners[tp.topic].settle(self.consumer, tp) and self._lanes.is_idle(tp):
                continue
        finally:
            self._settling.discard(tp)


def _failed(error: BaseException) -> None:
    if isinstance(error, TooMuchPoison):
        log.error(error.reason, detail=str(error))
        end_process(str(error), EXIT_TOO_MUCH_POISON)
    log.error("chunk_failed", exc_info=error)
    end_process(f"{type(error).__name__}: {error}")


def _app(settings: AggregatorKafkaSettings, flow: ChunkFlow) -> ChunkApp:
    app = ChunkApp(
        settings.group,
        broker="kafka://" + settings.bootstrap_servers,
        topic_disable_leader=True,
        topic_allow_declare=False,
        broker_max_poll_interval=1e9,  # else an idle standby leaves the group and never comes back
        broker_session_timeout=settings.session_timeout.total_seconds(),
        broker_heartbeat_interval=min(3.0, settings.session_timeout.total_seconds() / 3),
        broker_rebalance_timeout=settings.rebalance_timeout.total_seconds(),
        broker_max_poll_records=POLL_RECORDS,
        broker_commit_interval=2.0,
        broker_commit_every=10**9,  # it counts in the hot loop and would commit there
        consumer_metadata_max_age_ms=30_000,  # a topic that was missing is noticed after this time
        table_standby_replicas=1,  # Faust's assignor: both topics' partitions move together, and few of them
        agent_supervisor=mode.CrashingSupervisor,
        Monitor=QuietMonitor,
        web_enabled=False,
        store="memory://",
        datadir=str(Path(tempfile.gettempdir()) / "pacer-faust"),
    )
    app.flow = flow
    app.transport = ChunkTransport(app.conf.broker, app, app.loop)
    return app
