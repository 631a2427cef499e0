"""The spool on a local disk: files of some megabytes, deliveries that arrive together synced together.

Nothing is made before the first delivery needs it. Whatever is wrong with a disk is a named SpoolFailed: the sender
gets its 503 and sends again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
from msgspec import Struct

from services.ingest.adapters.spool_cipher import Keyring
from services.ingest.adapters.spool_segments import HEADER_BYTES
from services.ingest.adapters.spool_storage import SpoolStorage
from services.ingest.domain.spool_framing import MAX_PAYLOAD, OVERHEAD
from services.ingest.domain.spooling import Held, Spooled
from services.ingest.ports import EventTooLarge, SpoolFailed, SpoolFull
from services.ingest.spool_metrics import SpoolMetrics
from shared.contracts.topics import MAX_MESSAGE_BYTES
from shared.domain.clock import Clock

DISK_SECONDS = 3.0
"""Senders give us 5 to 30 s; a disk that hangs is told to them within."""
SLACK = 64
"""What a delivery takes on disk beyond its messages, at most, and each message beyond its key and value."""
MESSAGE_SLACK = 1024
"""What a broker adds to a message before it looks at its size."""
T = TypeVar("T")
log = structlog.get_logger()


class _Waiting(Struct, frozen=True):
    delivery: Spooled
    size: int
    written: asyncio.Future[None]


class SpoolDirectory:
    """The spool port below ``directory``, which other processes may share. ``max_bytes`` bounds this process's part."""

    def __init__(
        self, directory: Path, keyring: Keyring, *, max_bytes: int, clock: Clock, metrics: SpoolMetrics
    ) -> None:
        self._storage = SpoolStorage(directory, keyring, clock, metrics)
        self._max_bytes = max_bytes
        self._disk = ThreadPoolExecutor(1, "spool")  # one access at a time, also when nobody waits for it any more
        self._queue: list[_Waiting] = []
        self._queued = 0
        self._writing: asyncio.Task[None] | None = None
        self._filled = asyncio.Event()
        self._failure = ""
        self._closed = False

    @property
    def held(self) -> Held:
        """See the port."""
        return self._storage.held

    async def state(self) -> str:
        """For /readyz; a spool that does not work makes nobody unready whose Kafka answers."""
        if self._failure:
            return f"the disk fails: {self._failure}"
        held = self.held
        unreadable = f", {held.unreadable} file(s) of another key" if held.unreadable else ""
        return f"{held.deliveries} deliveries, {held.size} bytes{unreadable}"

    async def others_hold(self) -> bool:
        """See the port."""
        return await self._on_disk(self._storage.others_hold)

    async def put(self, delivery: Spooled) -> None:
        """See the port."""
        size = OVERHEAD + delivery.size + SLACK * (1 + len(delivery.messages))
        largest = max(len(message.value) + len(message.key) for message in delivery.messages)
        if largest > MAX_MESSAGE_BYTES - MESSAGE_SLACK or size > MAX_PAYLOAD:
            raise EventTooLarge("an event is larger than Kafka takes")
        if self.held.size + self._queued + size + HEADER_BYTES > self._max_bytes:
            raise SpoolFull(f"the spool holds its {self._max_bytes} bytes already")
        waiting = _Waiting(delivery, size, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._queued += size
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        try:
            async with asyncio.timeout(DISK_SECONDS):
                await waiting.written
        except TimeoutError:
            raise SpoolFailed(f"the disk has not written it within {DISK_SECONDS:g} s") from None

    async def _write(self) -> None:
        """Until nothing waits: all that waits now in one write and one sync."""
        while self._queue:
            group, self._queue = self._queue, []
            try:
                await self._on_disk(partial(self._storage.append, [waiting.delivery for waiting in group]))
            except SpoolFailed as error:
                for waiting in group:
                    if not waiting.written.done():
                        waiting.written.set_exception(SpoolFailed(str(error)))
            else:
                for waiting in group:
                    if not waiting.written.done():
                        waiting.written.set_result(None)
            finally:
                self._queued -= sum(waiting.size for waiting in group)

    async def filled(self) -> None:
        """See the port."""
        await self._filled.wait()

    async def oldest(self) -> Sequence[Spooled] | None:
        """See the port."""
        return await self._on_disk(self._storage.read_oldest)

    async def release_oldest(self) -> None:
        """See the port."""
        await self._on_disk(self._storage.remove_oldest)

    async def set_aside(self, delivery: Spooled) -> None:
        """See the port."""
        await self._on_disk(partial(self._storage.set_aside, delivery))

    async def adopt(self) -> int:
        """See the port."""
        return await self._on_disk(self._storage.adopt)

    async def close(self) -> None:
        """Writes what waits and leaves the directory to others; a second time it does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._writing is not None:
            with suppress(asyncio.CancelledError):
                await self._writing
        await asyncio.get_running_loop().run_in_executor(self._disk, self._storage.close)
        self._disk.shutdown()

    async def _on_disk(self, work: Callable[[], T]) -> T:
        """Raises: SpoolFailed."""
        try:
            done = await asyncio.get_running_loop().run_in_executor(self._disk, work)
        except OSError as error:
            self._failure = error.strerror or str(error)
            log.warning("spool_failed", detail=self._failure, file=error.filename)
            raise SpoolFailed(f"the disk of the spool: {self._failure}") from error
        finally:
            (self._filled.set if self.held.parts else self._filled.clear)()
        self._failure = ""
        return done
