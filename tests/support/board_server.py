"""The api as the board meets it: on a socket, its numbers in a real Redis, and the stream running."""

from __future__ import annotations

import asyncio
from typing import Any

from redis.asyncio import Redis

from cli.up.free_ports import LOOPBACK, free_ports
from services.api.adapters.http.app import Parts, create_app
from services.api.adapters.http.event_stream import end_streams_with
from services.api.adapters.pipeline_state import RedisPipeline
from services.api.domain.feed import EventKind, Happening
from shared.adapters.scoreboard_reader import ScoreboardReader
from shared.domain.instants import SECOND_US
from shared.domain.tenant import Tenant
from shared.observability.serving import server
from shared.settings import HttpSettings
from tests.support.api_parts import MONDAY_NOON, FixedConfiguration, KnownArrivals, KnownReports, TurnedClock, parts
from tests.support.eventually import eventually
from tests.support.scoreboard_filler import ScoreboardFiller

TODAY = "2026-11-23"


class BoardServer:
    """Starts, stops and starts again on one port; ``filler`` writes what the aggregator would."""

    def __init__(self, tenant: Tenant, redis: Redis, **options: Any) -> None:
        self.clock = TurnedClock()
        self.configured = FixedConfiguration(tenant, **options)
        self.filler = ScoreboardFiller(redis)
        self.address = f"http://{LOOPBACK}:{free_ports(1)[0]}"
        self.arrivals = KnownArrivals()
        self.reported = KnownReports()
        self._redis = redis
        self._parts: Parts | None = None
        self._tasks: list[asyncio.Future[None]] = []

    async def start(self) -> None:
        """Serves from now on."""
        pipeline = RedisPipeline(self._redis, self.clock)
        board = ScoreboardReader(self._redis)
        self._parts = wired = parts(
            self.configured,
            scoreboard=board,
            pipeline=pipeline,
            clock=self.clock,
            arrivals=self.arrivals,
            reported=self.reported,
        )
        port = int(self.address.rpartition(":")[2])
        self._serving = server(create_app(wired), HttpSettings(port=port), port)
        work = (wired.live.run(), end_streams_with(wired.hub, self._serving), self._serving.serve())
        self._tasks = [asyncio.ensure_future(task) for task in work]
        await eventually(lambda: self._serving.started)

    async def stop(self) -> None:
        """Ends as a process would: streams are cut, nothing answers."""
        if not self._tasks:
            return
        self._serving.should_exit = True
        await self._tasks.pop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def work(self, rep: str, **counts: int | tuple[int, str]) -> None:
        """A rep's numbers of today change, and whoever follows the stream is told."""
        await self.filler.count(rep, TODAY, counts)
        if self._parts is not None:
            self._parts.live.changed("acme", rep)

    async def edit(self, tenant: Tenant) -> None:
        """Another configuration is in force; the stream's next status says so."""
        self.configured.__dict__.update(FixedConfiguration(tenant).__dict__, version="v2")
        if self._parts is not None:
            data = await self._parts.status.of(tenant.id)
            self._parts.hub.publish(Happening(kind=EventKind.STATUS, tenant=tenant.id, data=data))

    async def source_spoke(self, seconds_ago: int) -> None:
        """The native source was last heard so long before the server's now."""
        await self.filler.source_spoke("native", MONDAY_NOON - seconds_ago * SECOND_US)
