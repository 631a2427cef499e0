"""What the daily sweeps of one stage do: counted for operators, and said in the log once a partition is through."""

from __future__ import annotations

from collections import Counter

import structlog

from services.aggregator.domain.ageing import UNSWEPT, SweptKind
from services.aggregator.metrics import AggregatorMetrics
from services.aggregator.ports import ChunkHandler

log = structlog.get_logger()


class SweepProgress:
    """Has the use case do slices."""

    def __init__(self, stage: str, handler: ChunkHandler, metrics: AggregatorMetrics) -> None:
        self._stage = stage
        self._handler = handler
        self._metrics = metrics
        self._counts: dict[int, Counter[SweptKind]] = {}

    async def advance(self, partition: int) -> bool:
        """One slice; True if there is more. Raises: TransientError."""
        swept = await self._handler.sweep(partition)
        if swept is UNSWEPT:
            return False
        for kind, count in swept.counts.items():
            self._metrics.swept.labels(kind=kind).inc(count)
            self._counts.setdefault(partition, Counter())[kind] += count
        self._metrics.packed_bytes.labels(form="plain").inc(swept.plain_bytes)
        self._metrics.packed_bytes.labels(form="packed").inc(swept.packed_bytes)
        if swept.completed is not None:
            self._metrics.last_sweep.labels(stage=self._stage).set(swept.completed / 1e6)
            counts = self._counts.pop(partition, Counter())
            log.info("swept", stage=self._stage, partition=partition, **{kind.value: n for kind, n in counts.items()})
        return swept.is_more

    def void(self, partition: int) -> None:
        """The partition is no longer ours, or what was known of it is not to be believed."""
        self._counts.pop(partition, None)
