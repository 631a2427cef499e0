"""Hands facts from the ledgers to the scoreboards of a state that is being made, without Kafka in between.

A ledger commits a chunk after the scoreboards have what follows from it. Whatever is handed over once more, after a
crash or an answer that was lost, changes nothing: pages apply greater revisions only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from cli.rebuild.refusals import TakenOver
from services.aggregator.ports import Chunk, Fenced, Handled, Settlement
from shared.errors import TransientError

FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 0.05, 1.0


class Taker(Protocol):
    """The scoreboard, as far as it is needed here."""

    async def handle(self, chunk: Chunk) -> Handled:
        """See ChunkHandler."""
        ...

    async def settle(self, partition: int) -> Settlement:
        """See ChunkHandler."""
        ...

    def void(self, partition: int) -> None:
        """See ChunkHandler."""
        ...


class _Waiting:
    """What several ledgers have for one scoreboard partition while it is at work: one chunk."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.is_applied = False


class HandingOver:
    """FactsPublisher. ``handed``: how much a partition has been handed as stored, None if it is no longer made.

    Raises TakenOver where another process has gone on with the state, or made it live.
    """

    def __init__(
        self, scoreboard: Taker, handed: Callable[[int], Awaitable[int | None]], *, partitions: int, state: str
    ) -> None:
        self.partitions = partitions
        self.state = state
        self._scoreboard = scoreboard
        self._handed = handed
        self._locks = [asyncio.Lock() for _ in range(partitions)]
        self._waiting = [_Waiting() for _ in range(partitions)]
        self._next: dict[int, int] = {}

    async def publish(self, batches: Mapping[int, Sequence[bytes]]) -> None:
        """Returns when the scoreboards have committed all. Raises: TransientError, TakenOver."""
        await asyncio.gather(*(self._hand(partition, values) for partition, values in batches.items()))

    async def settle(self, partition: int) -> Settlement:
        """A slice of what an edit of the configuration left to do. Raises: TransientError."""
        async with self._locks[partition]:
            return await self._scoreboard.settle(partition)

    async def _hand(self, partition: int, values: Sequence[bytes]) -> None:
        waiting = self._waiting[partition]
        waiting.values += values
        async with self._locks[partition]:
            if waiting.is_applied:
                return
            if waiting is self._waiting[partition]:
                self._waiting[partition] = _Waiting()
            await self._apply(partition, waiting.values)
            waiting.is_applied = True

    async def _apply(self, partition: int, values: Sequence[bytes]) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            start = await self._start(partition)
            try:
                handled = await self._scoreboard.handle(Chunk(partition, start, values))
            except TransientError:
                self._forget(partition)  # it may have been applied: what is stored says where to go on
                await asyncio.sleep(pause)
                pause = min(2 * pause, LAST_PAUSE_SECONDS)
                continue
            if handled.outcome is Fenced.APPLIED:
                self._next[partition] = start + len(values)
                return
            self._forget(partition)

    async def _start(self, partition: int) -> int:
        known = self._next.get(partition)
        if known is None:
            known = await self._handed(partition)
            if known is None:
                raise TakenOver("the new state is no longer being made: another process went on with it")
            self._next[partition] = known
        return known

    def _forget(self, partition: int) -> None:
        self._scoreboard.void(partition)
        self._next.pop(partition, None)
