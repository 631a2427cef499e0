"""The use case: what the log cannot take now waits on our own disk, for sources that want it so (ADR 0028)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import chain
from typing import Protocol

import structlog

from services.ingest.domain.delivery import Context, Delivery, Rejected
from services.ingest.domain.retries import Verdict
from services.ingest.domain.spooling import LogMessage, Spooled, Way, batches, way
from services.ingest.ports import EventTooLarge, LogUnavailable, MessageLog, RetryLog, Spool, SpoolFailed, SpoolFull
from services.ingest.spool_metrics import DrainOutcome, SpoolMetrics, SpoolOutcome
from shared.domain.changes import RecordChange
from shared.domain.instants import Micros
from shared.domain.quarantine import Retried

PATIENCE_SECONDS = 0.5
"""How long a delivery that can be spooled waits for the log: senders want an answer within a second."""
RETRY_SECONDS = 0.5
"""Pause before the log is tried again; on Kafka each try itself lasts until it is back, or some seconds."""
DISK_RETRY_SECONDS = 5.0
"""Pause after the disk failed."""
ADOPT_SECONDS = 30.0
"""How often a process with nothing to drain looks for what others have left."""
log = structlog.get_logger()


class SpooledLog(MessageLog, RetryLog, Protocol):
    """The log behind the spool."""


class SpoolingLog:
    """An event log that spools while the real one is away, where a source wants it. ``run`` must be running."""

    def __init__(self, event_log: SpooledLog, spool: Spool, metrics: SpoolMetrics) -> None:
        self._log = event_log
        self._spool = spool
        self._metrics = metrics
        self._failed_at: float | None = None
        self._has_answered = False
        self._emptied = asyncio.Event()

    async def keep(
        self, changes: Sequence[RecordChange], rejects: Sequence[Rejected], *, delivery: Delivery, context: Context
    ) -> None:
        """Returns when the log has it or, for a source with a spool, the disk has.

        Raises: LogUnavailable, EventTooLarge; SpoolFull and SpoolFailed where neither can take it.
        """
        if not context.source.spool:
            async with self._watched():
                await self._log.keep(changes, rejects, delivery=delivery, context=context)
            return
        messages = self._log.messages(changes, rejects, delivery=delivery, context=context)
        if not await self._sent_in_time(messages):
            await self._put(Spooled(context.source.id, context.received_at, messages))

    async def _sent_in_time(self, messages: Sequence[LogMessage]) -> bool:
        """Whether the log has them. Raises: EventTooLarge."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                if self._way() is Way.WAIT:
                    await self._emptied.wait()
                if self._way() is not Way.LOG:
                    return False
                async with self._watched():
                    await self._log.send(messages)
        except (LogUnavailable, TimeoutError):
            return False
        return True

    def _way(self) -> Way:
        since = self._failed_at
        away_for = None if since is None else asyncio.get_running_loop().time() - since
        return way(away_for=away_for, parts=self._spool.held.parts)

    async def _put(self, delivery: Spooled) -> None:
        """Raises: SpoolFull, SpoolFailed, EventTooLarge, LogUnavailable."""
        try:
            await self._spool.put(delivery)
        except (SpoolFull, SpoolFailed) as error:
            if self._failed_at is None:  # the spool is being drained: out of order is better than not at all
                async with self._watched():
                    await self._log.send(delivery.messages)
                return
            self._metrics.spooled(delivery.source, SpoolOutcome(error.reason))
            raise
        self._emptied.clear()
        self._metrics.spooled(delivery.source, SpoolOutcome.SPOOLED)
        self._metrics.holds(self._spool.held)

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Learns from what the log does with what it is given."""
        try:
            yield
        except (LogUnavailable, asyncio.CancelledError):
            self._log_is_away()
            raise
        self._answers()

    def _answers(self) -> None:
        self._failed_at = None
        self._has_answered = True

    def _log_is_away(self) -> None:
        if self._failed_at is None:
            # before its first answer a log is on its way, as at every start; the log says itself if it does not come
            tell = log.warning if self._has_answered else log.info
            tell("log_away", then="deliveries of sources with a spool are spooled")
        self._failed_at = asyncio.get_running_loop().time()

    async def beat(self, number: int, at: Micros) -> None:
        """See the port. What was spooled goes first: a heartbeat says that everything before it has passed."""
        if self._spool.held.parts or await self._spool.others_hold():
            raise LogUnavailable("what was spooled goes first")
        async with self._watched():
            await self._log.beat(number, at)

    async def settle(self, verdict: Verdict, resolution: Retried, *, partition: int) -> None:
        """See the port."""
        async with self._watched():
            await self._log.settle(verdict, resolution, partition=partition)

    async def run(self) -> None:
        """Drains whatever waits for as long as the service runs."""
        while True:
            self._metrics.holds(self._spool.held)
            with suppress(TimeoutError):
                async with asyncio.timeout(ADOPT_SECONDS):
                    await self._spool.filled()
            await asyncio.sleep(await self._work())

    async def _work(self) -> float:
        """Drains the oldest part, or takes over what others left; how many seconds to pause then."""
        try:
            if not self._spool.held.parts:
                await self._spool.adopt()
                return 0
            await self.drain_oldest()
        except SpoolFailed as error:
            log.warning("spool_not_drained", detail=str(error))
            return DISK_RETRY_SECONDS
        except LogUnavailable as error:
            self._log_is_away()
            log.debug("spool_waits", detail=str(error))
            return RETRY_SECONDS
        return 0

    async def drain_oldest(self) -> None:
        """Lets the oldest part go once the log has all of it. Raises: LogUnavailable, SpoolFailed."""
        deliveries = await self._spool.oldest()
        if deliveries is None:
            return
        for batch in batches(deliveries):
            await self._drain(batch)
            self._answers()
        await self._spool.release_oldest()
        held = self._spool.held
        self._metrics.holds(held)
        if not held.parts:
            log.info("spool_drained")
            self._emptied.set()

    async def _drain(self, batch: Sequence[Spooled]) -> None:
        if await self._fits(batch):
            self._metrics.drained(len(batch))
        elif len(batch) > 1:
            for delivery in batch:
                await self._drain([delivery])
        else:
            await self._spool.set_aside(batch[0])
            log.error("spooled_delivery_set_aside", source=batch[0].source, reason=EventTooLarge.reason)
            self._metrics.drained(1, DrainOutcome.SET_ASIDE)

    async def _fits(self, batch: Sequence[Spooled]) -> bool:
        """Whether the log has it; False when something of it is larger than the log takes. Raises: LogUnavailable."""
        try:
            await self._log.send(list(chain.from_iterable(delivery.messages for delivery in batch)))
        except EventTooLarge:
            return False
        return True
