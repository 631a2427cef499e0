"""When a partition's next sweep is due: a day after the last, by a clock that was watched for that day."""

from __future__ import annotations

import structlog

from services.aggregator.domain.ageing import Due, is_due
from services.aggregator.ports import SweepLog
from shared.domain.clock import Clock
from shared.domain.instants import Micros

log = structlog.get_logger()


class SweepRounds:
    """Asked after every chunk, so that ``due`` costs one look at the clock while nothing is."""

    def __init__(self, sweeps: SweepLog, clock: Clock) -> None:
        self._sweeps = sweeps
        self._clock = clock
        self._last: dict[int, Micros | None] = {}

    async def due(self, partition: int) -> Micros | None:
        """Now, if a sweep is to begin. Raises: TransientError."""
        if partition not in self._last:
            self._last[partition] = await self._sweeps.last(partition)
        now = self._clock.now()
        why = is_due(self._last[partition], now)
        if why is Due.NOW:
            return now
        if why is not Due.NOT_YET:
            log.info("sweep_in_a_day", partition=partition, reason=why)
            await self.complete(partition, now)
        return None

    async def complete(self, partition: int, began: Micros) -> None:
        """The next sweep is due a day after this one began. Raises: TransientError."""
        if await self._sweeps.note(partition, self._last.get(partition), began):
            self._last[partition] = began
        else:  # another worker was here
            self.void(partition)

    def void(self, partition: int) -> None:
        """Forgets the partition."""
        self._last.pop(partition, None)
