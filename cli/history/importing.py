"""The second pass of an import: into the log, with alerts quiet, until it is counted."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterable, Mapping

from redis.asyncio import Redis
from rich.console import Console

from cli.deployment import DeploymentPlace
from cli.history.applied import until_counted
from cli.history.quiet import quiet
from cli.history.writing import HistoryWriter
from cli.progress import phase
from shared.adapters.kafka_topics import ensure_topics
from shared.adapters.redis_client import open_redis
from shared.configuration import Deployment
from shared.contracts.keys import LAYOUT
from shared.contracts.topics import TOPICS
from shared.domain.changes import RecordChange

LOOK_SECONDS = 0.1
EMBEDDED_ROUND_BYTES = 1_000_000
"""An embedded broker keeps the last five megabytes of a partition: so much at a time is safe, live load included."""
STANDSTILL_SECONDS = 20.0


class Interrupted(Exception):
    """A person ended it."""


class Importing:
    """One import on its way. ``run`` once."""

    def __init__(self, place: DeploymentPlace, deployment: Deployment, console: Console) -> None:
        self._place = place
        self._deployment = deployment
        self._console = console
        self.stored = 0

    async def run(self, changes: Iterable[RecordChange], *, events: int, tenant: str, name: str) -> None:
        """Returns when all are stored and counted. Raises: ImportIncomplete, KafkaAway, RedisError, Interrupted."""
        work = asyncio.create_task(self._work(changes, events=events, tenant=tenant, name=name))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, work.cancel)
        try:
            await work
        except asyncio.CancelledError:
            raise Interrupted from None
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def _work(self, changes: Iterable[RecordChange], *, events: int, tenant: str, name: str) -> None:
        kafka = self._place.kafka
        retention = self._deployment.retention
        await ensure_topics(kafka.bootstrap_servers, TOPICS, partitions=kafka.partitions, retention=retention)
        async with open_redis(self._place.redis) as redis, quiet(redis, tenant, name, self._wait_for_another):
            ends = await self._write(redis, changes, events)
            await self._count(redis, ends)

    async def _write(self, redis: Redis, changes: Iterable[RecordChange], events: int) -> Mapping[int, int]:
        loop = asyncio.get_running_loop()

        def counted(ends: Mapping[int, int]) -> None:
            waiting = until_counted(redis, self._place.kafka, ends, lambda _: None)
            future = asyncio.run_coroutine_threadsafe(waiting, loop)
            while not writer.stop.wait(LOOK_SECONDS):
                if future.done():
                    future.result()  # raises what went wrong
                    return
            future.cancel()

        round_bytes = EMBEDDED_ROUND_BYTES if await self._is_embedded(redis) else None
        writer = HistoryWriter(self._place.kafka.bootstrap_servers, round_bytes=round_bytes, counted=counted)
        with phase(self._console, "importing", events, "events") as shown:
            writing = asyncio.create_task(asyncio.to_thread(writer.run, changes))
            try:
                while not writing.done():
                    await asyncio.wait([writing], timeout=LOOK_SECONDS)
                    self.stored = writer.stored
                    shown.at(writer.stored, writer.stored)
                await writing
            finally:
                writer.stop.set()
                await asyncio.gather(writing, return_exceptions=True)
                self.stored = writer.stored
        return writer.ends

    async def _is_embedded(self, redis: Redis) -> bool:
        return self._place.embedded or await redis.hget(LAYOUT, "broker") == b"embedded"

    async def _count(self, redis: Redis, ends: Mapping[int, int]) -> None:
        """Waits for the aggregator, however long: until then alerts would judge a part of the history."""
        moved, least = time.monotonic(), -1

        def tell(missing: int) -> None:
            nonlocal moved, least
            if least < 0 or missing < least or not missing:
                moved, least = time.monotonic(), missing
            elif time.monotonic() - moved > STANDSTILL_SECONDS:
                moved = time.monotonic()
                self._console.print(
                    f"all is stored, {missing:,} messages wait for the aggregator: does it run? "
                    "Ctrl-C ends the waiting and loses nothing",
                    highlight=False,
                )

        await until_counted(redis, self._place.kafka, ends, tell)

    def _wait_for_another(self) -> None:
        self._console.print("another import into this tenant runs, or was killed a moment ago: waiting for its end")
