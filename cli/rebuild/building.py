"""Makes a state from the log: the ledger and the scoreboard that the workers have, on keys of their own.

Every chunk is committed at the fence of its partition, so that a process that goes on where another was killed, or
two that do the same for a moment, come to the same state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

from cli.rebuild.event_log import QUEUED, EventLog, Queues
from cli.rebuild.handing_over import HandingOver
from cli.rebuild.positions import Positions
from cli.rebuild.refusals import StateWentBack, TakenOver
from services.aggregator.ledger import Ledger
from services.aggregator.ports import Chunk, Fenced
from shared.errors import TransientError

CHUNK_EVENTS = 4_000
FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 0.1, 2.0
T = TypeVar("T")
Worked = Callable[[int], object]
"""Is told how many events a chunk had."""


class Building:
    """A state that is being made. ``at``: the next offset of each partition."""

    def __init__(
        self,
        log: EventLog,
        ledger: Ledger,
        handing: HandingOver,
        positions: Positions,
        *,
        epoch: int,
        worked: Worked,
    ) -> None:
        self._log = log
        self._ledger = ledger
        self._handing = handing
        self._positions = positions
        self._epoch = epoch
        self._worked = worked
        self.at: dict[int, int] = {}

    async def look(self) -> None:
        """Goes on where Redis says. Raises: StateWentBack, RedisAway."""
        found = await self._positions.ledgers()
        missing = [partition for partition, offset in found.items() if offset is None]
        if missing:
            raise StateWentBack(f"Redis has lost how far the new state is in the partitions {missing}")
        self.at = {partition: offset for partition, offset in found.items() if offset is not None}

    async def up_to(self, targets: Mapping[int, int]) -> None:
        """Works off each partition up to an offset.

        Raises, in a group: StateWentBack, TakenOver, LogNotWhole, TooMuchPoison, KafkaAway.
        """
        spans = {number: (self.at[number], end) for number, end in targets.items() if self.at[number] < end}
        if not spans:
            return
        queues: Queues = {number: asyncio.Queue(QUEUED) for number in spans}
        async with asyncio.TaskGroup() as group:
            group.create_task(self._log.read(spans, queues, CHUNK_EVENTS))
            for number, (_, end) in spans.items():
                group.create_task(self._work(number, queues, end))

    async def settle(self) -> int:
        """Has the state follow every edit of the configuration; how many records or reps were moved."""
        moved = 0
        for settle, partitions in ((self._ledger.settle, self._ledgers()), (self._handing.settle, self._scoreboards())):
            for partition in partitions:
                remaining = 1
                while remaining:
                    done = await _patiently(partial(settle, partition))
                    remaining, moved = done.remaining, moved + done.changes
        return moved

    def _ledgers(self) -> list[int]:
        return list(self.at)

    def _scoreboards(self) -> list[int]:
        return list(range(self._handing.partitions))

    async def _work(self, partition: int, queues: Queues, end: int) -> None:
        while self.at[partition] < end:
            start, values = await queues[partition].get()
            await self._apply(Chunk(partition, start, values, self._epoch))

    async def _apply(self, chunk: Chunk) -> None:
        handled = await _patiently(partial(self._ledger.handle, chunk), partial(self._ledger.void, chunk.partition))
        outcome = handled.outcome
        if outcome is Fenced.BACK:
            raise StateWentBack(f"Redis lost a part of the new state (partition {chunk.partition})")
        if outcome is Fenced.BETWEEN:
            raise TakenOver(f"another process goes on with partition {chunk.partition}")
        self.at[chunk.partition] = chunk.next_offset  # applied, or found applied after an answer that was lost
        self._worked(len(chunk.values))


async def _patiently(step: Callable[[], Awaitable[T]], again: Callable[[], object] = lambda: None) -> T:
    """What a step gives, as often as Redis or Kafka want it tried. Raises: TakenOver."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return await step()
        except TakenOver:
            raise
        except TransientError:
            again()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE_SECONDS)
