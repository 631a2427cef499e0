"""Works on several partitions at the same time, on each partition's chunks in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Lanes(Generic[T]):
    """One task and one short queue a lane, so that their waits for Redis and Kafka overlap.

    ``depth`` chunks may wait in a lane; then ``put`` waits, which is the back-pressure of the whole worker.
    An exception of ``work`` is a bug: it is told to ``failed`` once, and the lane ends.
    """

    def __init__(
        self, work: Callable[[T], Awaitable[None]], failed: Callable[[BaseException], None], *, depth: int = 2
    ) -> None:
        self._work = work
        self._failed = failed
        self._depth = depth
        self._queues: dict[Hashable, asyncio.Queue[T]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def put(self, lane: Hashable, item: T) -> None:
        """Hands an item to its lane; waits while the lane is full."""
        queue = self._queues.get(lane)
        if queue is None:
            queue = self._queues[lane] = asyncio.Queue(self._depth)
            task = asyncio.create_task(self._run(queue), name=f"lane {lane}")
            task.add_done_callback(self._ended)
            self._tasks.append(task)
        await queue.put(item)

    def is_idle(self, lane: Hashable) -> bool:
        """Whether nothing waits in the lane."""
        queue = self._queues.get(lane)
        return queue is None or queue.empty()

    async def close(self) -> None:
        """Ends all lanes where they stand; what is not committed comes again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, queue: asyncio.Queue[T]) -> None:
        while True:
            await self._work(await queue.get())

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)
