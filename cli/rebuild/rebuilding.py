"""One rebuild from the beginning, or from where it was, to the switch."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from typing import Protocol

from msgspec import Struct
from redis.asyncio import Redis

from cli.rebuild.building import Building
from cli.rebuild.comparing import Comparing
from cli.rebuild.differences import Comparison
from cli.rebuild.event_log import EventLog
from cli.rebuild.journal import Begun, Journal
from cli.rebuild.positions import Positions
from cli.rebuild.preparing import Ground, server_runs, stored_layout
from cli.rebuild.refusals import StateWentBack
from cli.rebuild.switching import HOLD_SECONDS, CarryingOver, hold_still, let_go, worked_off
from services.aggregator.adapters.configured_catalogue import ConfiguredCatalogue
from shared.configuration import LiveConfiguration
from shared.contracts import keys
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS
from shared.domain.clock import Clock

NEARLY = 2_000
"""So few events behind the live state that the rest is worked off in a moment."""
ROUNDS = 20
ATTEMPTS = 3
RESERVE_SECONDS = 3.0
"""The ledgers stand still for at least so long when the switch is made."""


class Ending(StrEnum):
    """How a rebuild ends."""

    SWITCHED = "switched"
    COMPARED = "compared"


class Told(Protocol):
    """Whoever watches: people, or a test."""

    def note(self, text: str) -> None:
        """Something happened."""

    def begin(self, name: str, total: int) -> None:
        """A part of the work begins; its progress is told by ``worked``."""

    def worked(self, events: int) -> None:
        """So many more events are through."""

    def end(self) -> None:
        """The part is over."""


class Rebuilt(Struct, frozen=True):
    """How it ended, with what differs between the two states."""

    ending: Ending
    comparison: Comparison


class Parts(Struct, frozen=True, kw_only=True):
    """What a rebuild works with."""

    redis: Redis
    log: EventLog
    journal: Journal
    building: Building
    catalogue: ConfiguredCatalogue
    configuration: LiveConfiguration
    clock: Clock
    told: Told


class Rebuilding:
    """``begun``: the state that is made. ``ground``: what it is made from, and what it replaces."""

    def __init__(self, parts: Parts, ground: Ground, begun: Begun, *, loses: bool) -> None:
        self._parts = parts
        self._ground = ground
        self._begun = begun
        self._loses = loses
        self._live = Positions(parts.redis, ground.live)
        self._rebuilt = Positions(parts.redis, ground.layout_of(begun.state))

    async def run(self, *, dry_run: bool) -> Rebuilt:
        """Raises: StateWentBack, TakenOver, LogNotWhole, TooMuchPoison, TransientError."""
        await self._build()
        for attempt in range(ATTEMPTS):
            comparing = await self._first_pass()
            async with self._held(comparing) as (behind, until):
                now = self._parts.clock.now()
                await comparing.last_pass(now)
                done = dry_run or await self._switch(comparing, until, attempt)
            if done:
                ending = Ending.COMPARED if dry_run else Ending.SWITCHED
                return Rebuilt(ending, comparing.result(now, behind=behind))
            self._parts.told.note("the live state or the configuration moved while they were compared: once more")
        raise StateWentBack("the states did not stand still for long enough to be switched: run the command again")

    async def _build(self) -> None:
        """Follows the live state until little is missing."""
        told, building = self._parts.told, self._parts.building
        for _ in range(ROUNDS):
            targets = await self._targets()
            missing = sum(max(0, end - building.at[number]) for number, end in targets.items())
            told.begin("rebuilding", missing)
            await building.up_to(targets)
            told.end()
            await self._refuse_other_servers()
            if missing < NEARLY:
                break
        await building.settle()

    async def _targets(self) -> dict[int, int]:
        """Up to where: as far as the live state is, and to the log's end where it is nowhere in this log."""
        bounds = await self._parts.log.bounds(CRM_EVENTS, len(self._ground.bounds))
        live = await self._live.ledgers() if self._ground.is_same_log else {}
        return {number: _target(live.get(number), *span) for number, span in bounds.items()}

    async def _first_pass(self) -> Comparing:
        parts = self._parts
        parts.told.note("comparing the two states")
        layouts = self._ground.live, self._ground.layout_of(self._begun.state)
        comparing = Comparing(parts.redis, *layouts, parts.catalogue.tenants)
        await comparing.look()
        if self._ground.is_same_log:
            await CarryingOver(parts.redis, comparing).retained()
        await comparing.first_pass()
        return comparing

    @asynccontextmanager
    async def _held(self, comparing: Comparing) -> AsyncIterator[tuple[int, float]]:
        """Both states at one place of the log, while the block runs and until an instant (monotonic).

        Gives the number of messages that the live state is behind as well.
        """
        parts, until = self._parts, time.monotonic() + HOLD_SECONDS
        parts.told.note("the workers' ledgers stand still for a moment")
        await hold_still(parts.redis, comparing.live.layout, self._live)
        try:
            await parts.building.up_to(await self._targets())
            await parts.building.settle()
            yield await self._behind(), until
        except BaseException:
            with suppress(Exception):
                await let_go(parts.redis)
            raise
        if await self._is_live(comparing.live.layout.name):
            await let_go(parts.redis)

    async def _behind(self) -> int:
        if not self._ground.is_same_log:
            return sum(end - start for start, end in self._ground.bounds.values())
        ends = await self._parts.log.bounds(KPI_FACTS, int(self._ground.log["facts_partitions"]))
        missing = await worked_off(self._live, {number: end for number, (_, end) in ends.items()})
        live, building = await self._live.ledgers(), self._parts.building
        return missing + sum(abs(at - (live.get(number) or 0)) for number, at in building.at.items())

    async def _switch(self, comparing: Comparing, until: float, attempt: int) -> bool:
        """True once the new state is live; False if something moved, and there is another attempt."""
        parts, last = self._parts, attempt == ATTEMPTS - 1
        if not last and (await self._moved() or time.monotonic() > until - RESERVE_SECONDS):
            return False
        await parts.building.up_to(await self._targets())
        carrying = CarryingOver(parts.redis, comparing)
        await carrying.versions()
        await carrying.changed()
        if self._ground.is_same_log:
            await carrying.marks()
            await carrying.told()
        if self._loses:
            await carrying.sources()
        await self._refuse_other_servers()
        ends = await parts.log.bounds(KPI_FACTS, int(self._ground.log["facts_partitions"]))
        await self._rebuilt.place_scoreboards({number: end for number, (_, end) in ends.items()})
        layout = self._ground.log | {keys.STATE_FIELD: self._begun.state}
        switched = await parts.journal.switch(layout, configuration=parts.configuration.version)
        if not switched:
            await self._rebuilt.begin_scoreboards()
        return switched

    async def _moved(self) -> bool:
        """Whether the live state has gone on beyond the new one."""
        targets = await self._targets()
        return any(self._parts.building.at[number] < end for number, end in targets.items())

    async def _is_live(self, state: str) -> bool:
        return keys.state_named((await stored_layout(self._parts.redis)).get(keys.STATE_FIELD)) == state

    async def _refuse_other_servers(self) -> None:
        """Raises: StateWentBack if a server of Redis is another one than when the state was begun."""
        if await server_runs(self._parts.redis) != self._begun.servers:
            raise StateWentBack("Redis was restarted: what it lost of the new state nobody knows")


def _target(live: int | None, start: int, end: int) -> int:
    return end if live is None or not start <= live <= end else live
