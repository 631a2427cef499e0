"""Where each partition goes on: the position in Redis, checked against the log that Kafka has now.

A position is log epoch << 40 | offset. Within the worker's epoch it is an offset of the log; one of an earlier
epoch belongs to a log that is gone, and the partition begins the new one at its start, with its state kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import structlog
from faust.types import TP
from redis.asyncio import Redis

from services.aggregator.adapters.log_identity import ForeignLog
from services.aggregator.adapters.redis_scripts import RedisAway, Script
from services.aggregator.metrics import AggregatorMetrics
from shared.contracts import keys
from shared.contracts.topics import CRM_EVENTS
from shared.domain.facts import EPOCH_BITS

PATIENCE_SECONDS = 20.0
"""Far below Faust's limit of 90 s for a seek, after which its recovery would end without an error."""
PAUSE_SECONDS = 0.3
log = structlog.get_logger()


class LogPositions:
    """Reads, begins and mends the stored positions of partitions."""

    def __init__(self, redis: Redis, metrics: AggregatorMetrics, *, log_epoch: int, state: str) -> None:
        self._state = state
        self._metrics = metrics
        self._first = log_epoch << EPOCH_BITS
        self._begin = Script(redis, "begin_log")
        self._skip = Script(redis, "skip_lost")

    async def load(self, bounds: Mapping[TP, tuple[int, int]]) -> Mapping[TP, int]:
        """The offset at which each partition goes on. ``bounds``: its log's first offset and the one after its last.

        Raises: ForeignLog if a log ends before the stored offset; RedisAway after twenty seconds, as nothing but
        the stored offset may be started from.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return {tp: await self._load(tp, start, end) for tp, (start, end) in bounds.items()}
            except RedisAway:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(PAUSE_SECONDS)

    async def _load(self, tp: TP, start: int, end: int) -> int:
        key = keys.offset_key(tag_of(tp, self._state))
        stored = int(await self._begin([key], [self._first + start, self._first])) - self._first
        if stored > end:
            raise ForeignLog(
                f"{names_of(tp)} ends at {end} but {stored} messages of it are counted: the log lost records. "
                "Restore the log, or rebuild the state from it: pacer rebuild"
            )
        if stored < start:  # retention was faster: the loss is certain, so go on and tell people
            log.error("records_lost", partition=names_of(tp), begins=start, stored=stored)
            self._metrics.lost.labels(topic=tp.topic).inc(start - stored)
            return int(await self._skip([key], [self._first + stored, self._first + start])) - self._first
        return stored


def tag_of(tp: TP, state: str) -> str:
    """Prefix of the partition's keys in a state."""
    return keys.ledger_tag(tp.partition, state) if tp.topic == CRM_EVENTS else keys.scoreboard_tag(tp.partition, state)


def names_of(tp: TP) -> str:
    """``topic-partition``."""
    return f"{tp.topic}-{tp.partition}"
