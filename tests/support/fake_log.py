"""An event log in memory; it can be away, or give up after some messages."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from services.ingest.domain.delivery import Context, Delivery, Rejected
from services.ingest.domain.enrichment import Ask
from services.ingest.domain.retries import FactMessage, Verdict
from services.ingest.ports import EventTooLarge, LogUnavailable
from shared.contracts.heartbeats import heartbeat
from shared.contracts.messages import Quarantined
from shared.domain.changes import RecordChange
from shared.domain.instants import Micros
from shared.domain.quarantine import Place, Retried


class FakeLog:
    """Keeps what it is given, and what retries come to.

    ``away``: refuses all; ``breaks_after``: takes that many changes, then fails; ``confirmed``: says nothing before.
    """

    def __init__(self) -> None:
        self.changes: list[RecordChange] = []
        self.rejects: list[Rejected] = []
        self.facts: list[FactMessage] = []
        self.asks: list[Ask] = []
        self.resolutions: list[tuple[int, Retried]] = []
        self.away = False
        self.breaks_after: int | None = None
        self.largest: int | None = None
        self.confirmed: asyncio.Event | None = None

    async def keep(
        self,
        changes: Sequence[RecordChange],
        rejects: Sequence[Rejected],
        *,
        delivery: Delivery,
        context: Context,  # noqa: ARG002 - the port's parameter
    ) -> None:
        """See the port."""
        if self.confirmed is not None:
            await self.confirmed.wait()
        if self.away:
            raise LogUnavailable("away, as the test wants it")
        if self.largest is not None and len(delivery.body) > self.largest:
            raise EventTooLarge("larger than the test wants it")
        if self.breaks_after is not None and len(changes) > self.breaks_after:
            self.changes.extend(changes[: self.breaks_after])
            raise LogUnavailable("broken off, as the test wants it")
        self.changes.extend(changes)
        self.rejects.extend(rejects)

    async def beat(self, number: int, at: Micros) -> None:
        """See the port."""
        if self.away:
            raise LogUnavailable("away, as the test wants it")
        self.changes.append(heartbeat(number, at))

    async def settle(self, verdict: Verdict, resolution: Retried, *, partition: int) -> None:
        """See the port."""
        if self.away:
            raise LogUnavailable("away, as the test wants it")
        if self.largest is not None and any(len(str(change)) > self.largest for change in verdict.changes):
            raise EventTooLarge("larger than the test wants it")
        self.changes.extend(verdict.changes)
        self.facts.extend(verdict.facts)
        self.asks.extend(verdict.asks)
        self.resolutions.append((partition, resolution))


class FakeKept:
    """Entries of quarantine by place."""

    def __init__(self) -> None:
        self.entries: dict[Place, Quarantined] = {}

    async def read(self, places: Sequence[Place]) -> Mapping[Place, Quarantined]:
        """See the port."""
        return {place: self.entries[place] for place in places if place in self.entries}
