"""One run of the simulator: the history first, then live events at a rate, until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from random import Random

import httpx
from msgspec import Struct

from cli.simulate.floor import open_floor
from cli.simulate.history import history
from cli.simulate.people import HUBSPOT
from cli.simulate.sender import Sender
from cli.simulate.unreliable import Line, batches, shuffled
from cli.simulate.wire import MAX_HUBSPOT_BATCH, Element
from shared.domain.clock import Clock
from shared.domain.instants import SECOND_US
from shared.domain.sources import Source
from shared.domain.tenant import Tenant

IN_FLIGHT = 8
"""Deliveries at a time; HubSpot has up to 10 for an account."""
TICK_SECONDS = 0.05
MAX_NATIVE_BATCH = 1000
"""About 200 kB; few large deliveries load a history much faster than many small ones."""


class Plan(Struct, frozen=True, kw_only=True):
    """What to simulate. ``rate`` is live events a second; ``seconds`` None goes on until stopped."""

    reps: int
    days: int
    rate: float
    seed: int
    seconds: float | None = None
    busy_work: float = 0.3


class Simulation:
    """A floor and the line to its receiver. ``sent`` holds what the receiver took, where it is wanted."""

    def __init__(
        self, tenant: Tenant, sources: Mapping[str, Source], plan: Plan, *, sender: Sender, clock: Clock
    ) -> None:
        self._tenant = tenant
        self._plan = plan
        self._sender = sender
        self._clock = clock
        self._random = Random(plan.seed + 1)  # noqa: S311 - reproducible, no secret
        self._started_at = clock.now()
        self._batch_sizes = {name: batch_size(source) for name, source in sources.items()}
        self._floor, _ = open_floor(tenant, sources, seed=plan.seed, reps=plan.reps, started_at=self._started_at)
        self._flying = asyncio.Semaphore(IN_FLIGHT)
        self._stopping = asyncio.Event()
        self.history_events = 0
        self.sent: list[Element] | None = None

    @property
    def stopping(self) -> bool:
        """Whether somebody asked for the end."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """End soon: what is on its way is still delivered."""
        self._stopping.set()

    async def run(self) -> None:
        """History, then live. Raises: DeliveryRefused."""
        await self.post_history()
        await self.run_live()

    async def post_history(self) -> None:
        """The past days, the latest first: today's board is right before last month's. Raises: DeliveryRefused."""
        days = [
            shuffled(day, self._random)
            for day in history(
                self._floor, self._tenant.calendar, days=self._plan.days, until=self._started_at, random=self._random
            )
        ]
        self.history_events = sum(map(len, days))
        today, past = days[-1], [element for day in reversed(days[:-1]) for element in day]
        await self._post(today, even_when_stopped=False)
        await self._post(past, even_when_stopped=False)

    async def run_live(self) -> None:
        """Events of this very moment at the plan's rate, until the time is over. Raises: DeliveryRefused."""
        line = Line(self._random)
        started_at, made = self._clock.now(), 0
        while not self.stopping:
            now = self._clock.now()
            elapsed = (now - started_at) / SECOND_US
            if self._plan.seconds is not None and elapsed >= self._plan.seconds:
                break
            while made < elapsed * self._plan.rate:
                elements = self._floor.act(self._floor.someone(), now, busy_work=self._plan.busy_work)
                line.put(elements, now)
                made += len(elements)
            await self._post(line.due(now))
            await self._pause()
        await self._post(line.rest())

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(TICK_SECONDS):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _post(self, elements: Iterable[Element], *, even_when_stopped: bool = True) -> None:
        """Deliver in batches, several at a time. Raises: DeliveryRefused, the first of them."""
        try:
            async with asyncio.TaskGroup() as group:
                for batch in batches(elements, self._batch_sizes):
                    await self._flying.acquire()
                    if self.stopping and not even_when_stopped:
                        self._flying.release()
                        break
                    group.create_task(self._deliver(batch))
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None

    async def _deliver(self, batch: list[Element]) -> None:
        try:
            await self._sender.deliver(batch)
            if self.sent is not None:
                self.sent.extend(batch)
        finally:
            self._flying.release()


def batch_size(source: Source) -> int:
    """Events a delivery: what HubSpot sends at most, else what the source takes (native senders load in bulk)."""
    return min(MAX_HUBSPOT_BATCH if source.provider == HUBSPOT else MAX_NATIVE_BATCH, source.limits.max_batch)


def open_http() -> httpx.AsyncClient:
    """A client for as many deliveries as are in flight."""
    return httpx.AsyncClient(limits=httpx.Limits(max_connections=IN_FLIGHT), trust_env=False)
