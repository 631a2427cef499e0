"""What happens to one chunk: handed to its use case until it is applied or void, never failing for an outage."""

from __future__ import annotations

import asyncio
import time

import structlog
from faust.types import TP

from services.aggregator.adapters.chunk_consumer import ChunkConsumer
from services.aggregator.adapters.chunk_messages import ChunkMessage
from services.aggregator.adapters.settling import Followed, Settling
from services.aggregator.adapters.sweep_progress import SweepProgress
from services.aggregator.domain.ageing import SweptKind
from services.aggregator.metrics import LEDGER, SCOREBOARD, AggregatorMetrics
from services.aggregator.ports import Chunk, ChunkHandler, Fenced, Handled
from shared.domain.clock import Clock
from shared.errors import TransientError

FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 0.05, 1.0
LOG_EVERY_SECONDS = 10.0
log = structlog.get_logger()


class ChunkRunner:
    """Runs the chunks of one stage. What a fence refuses is dropped, voided and sought again."""

    def __init__(
        self, stage: str, handler: ChunkHandler, metrics: AggregatorMetrics, clock: Clock, *, log_epoch: int
    ) -> None:
        self.stage = stage
        self._handler = handler
        self._metrics = metrics
        self._clock = clock
        self._log_epoch = log_epoch
        self._quiet_until = 0.0
        self._settling = Settling(stage, handler, metrics)
        self._sweeps = SweepProgress(stage, handler, metrics)

    def take_over(self, handler: ChunkHandler) -> None:
        """Chunks from now on go to another use case: the one of the state that became live."""
        self._handler = handler
        self._settling = Settling(self.stage, handler, self._metrics)
        self._sweeps = SweepProgress(self.stage, handler, self._metrics)

    async def run(self, consumer: ChunkConsumer, message: ChunkMessage) -> None:
        """Returns when the chunk is applied, known to be applied, or void. Raises: only for bugs and TooMuchPoison."""
        values = [record.value or b"" for record in message.records]
        chunk = Chunk(message.partition, message.offset, values, self._log_epoch, message.skipped)
        began, pause = time.monotonic(), FIRST_PAUSE_SECONDS
        while not consumer.is_void(message):
            try:
                handled = await self._handler.handle(chunk)
            except TransientError as error:
                self._report(error, message.tp)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LAST_PAUSE_SECONDS)
            else:
                self._metrics.chunk_seconds.labels(stage=self.stage).observe(time.monotonic() - began)
                self._finish(consumer, message, handled)
                await self.settle(consumer, message.tp)
                return
        self._count("void", len(chunk.values))
        if message.epoch == consumer.epoch[message.tp]:  # nobody else has seen to it that it comes again
            consumer.drop([message.tp], "void")

    async def settle(self, consumer: ChunkConsumer, tp: TP) -> bool:
        """A slice of what an edit of the configuration left to do in a partition of ours, else of the daily sweep.

        True if there is more.
        """
        if tp not in consumer.applied or not consumer.flow_active or consumer.holding.is_held(tp):
            return False
        try:
            return await self._settling.advance(tp.partition) or await self._sweeps.advance(tp.partition)
        except TransientError as error:
            self._report(error, tp)
            return False

    def followed(self, partition: int) -> Followed | None:
        """How far the partition has followed the configuration; None before it was looked at."""
        return self._settling.followed.get(partition)

    def void(self, tp: TP) -> None:
        """Forgets what is cached of the partition."""
        self._handler.void(tp.partition)
        self._settling.void(tp.partition)
        self._sweeps.void(tp.partition)

    def _finish(self, consumer: ChunkConsumer, message: ChunkMessage, handled: Handled) -> None:
        if handled.outcome in (Fenced.BETWEEN, Fenced.BACK):
            self._count(handled.outcome, handled.messages)
            log.warning("fence", outcome=handled.outcome, topic=message.topic, partition=message.partition)
            consumer.drop([message.tp], handled.outcome)
            return
        if handled.outcome is Fenced.APPLIED:
            self._applied(handled)
            self._metrics.skipped.labels(topic=message.topic).inc(message.skipped)
        else:
            self._count(handled.outcome, handled.messages)
        if message.epoch == consumer.epoch[message.tp]:
            consumer.applied[message.tp] = message.next_offset

    def _applied(self, handled: Handled) -> None:
        in_messages = handled.messages - handled.poisoned - handled.unchanged - handled.heartbeats
        self._count("applied", in_messages if self.stage == LEDGER else handled.changes)
        self._count("unchanged", handled.unchanged)
        self._count("foreign", handled.foreign)
        self._count("poisoned", handled.poisoned)
        self._count("heartbeat", handled.heartbeats)
        if handled.unpacked:
            self._metrics.swept.labels(kind=SweptKind.PAGE_UNPACKED).inc(handled.unpacked)
        now = self._clock.now()
        if handled.heartbeat:
            self._metrics.heartbeats.passed(self.stage, handled.heartbeat, now)
        self._metrics.last_chunk.labels(stage=self.stage).set(now / 1e6)
        if self.stage == SCOREBOARD and handled.received_at:
            self._metrics.age.observe(max(0, now - handled.received_at) / 1e6)

    def _count(self, outcome: str, messages: int) -> None:
        if messages:
            self._metrics.events.labels(stage=self.stage, outcome=outcome).inc(messages)

    def _report(self, error: TransientError, tp: TP) -> None:
        self._metrics.retries.labels(stage=self.stage, reason=error.reason).inc()
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + LOG_EVERY_SECONDS
            log.warning("retry", stage=self.stage, reason=error.reason, error=str(error)[:200], topic=tp.topic)
