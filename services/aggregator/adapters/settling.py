"""How far the partitions of one stage have followed an edit of the configuration: worked off in slices, and shown."""

from __future__ import annotations

from typing import NamedTuple

import structlog

from services.aggregator.metrics import AggregatorMetrics
from services.aggregator.ports import ChunkHandler

log = structlog.get_logger()


class Followed(NamedTuple):
    """What a partition follows, and what it has left to do for it; as text in Redis: ``7 120``."""

    generation: int
    remaining: int

    def __str__(self) -> str:
        return f"{self.generation} {self.remaining}"


class Settling:
    """Has the use case do slices; a gauge says what remains, a line in the log what was changed."""

    def __init__(self, stage: str, handler: ChunkHandler, metrics: AggregatorMetrics) -> None:
        self._stage = stage
        self._handler = handler
        self._metrics = metrics
        self._remaining: dict[int, int] = {}
        self._changes: dict[int, int] = {}

        self.followed: dict[int, Followed] = {}
        """How far each partition was at its last slice."""

    async def advance(self, partition: int) -> bool:
        """One slice; True if there is more. Raises: TransientError."""
        done = await self._handler.settle(partition)
        self.followed[partition] = Followed(done.generation, done.remaining)
        self._metrics.restatements.inc(done.restated)
        if done.changes:
            self._changes[partition] = self._changes.get(partition, 0) + done.changes
        if done.remaining:
            self._remaining[partition] = done.remaining
            self._show()
            return True
        if partition in self._changes or partition in self._remaining:
            changes = self._changes.pop(partition, 0)
            self._remaining.pop(partition, None)
            self._show()
            log.info("configuration_followed", stage=self._stage, partition=partition, changes=changes)
        return False

    def void(self, partition: int) -> None:
        """The partition is no longer ours, or what was known of it is not to be believed."""
        self._changes.pop(partition, None)
        self.followed.pop(partition, None)
        if self._remaining.pop(partition, None) is not None:
            self._show()

    def _show(self) -> None:
        self._metrics.refold_pending.labels(stage=self._stage).set(sum(self._remaining.values()))
