"""An event log in memory; it can be away, or give up after some messages."""

from __future__ import annotations

from collections.abc import Sequence

from services.ingest.domain.delivery import Context, Delivery, Rejected
from services.ingest.ports import EventTooLarge, LogUnavailable
from shared.contracts.heartbeats import heartbeat
from shared.domain.changes import RecordChange
from shared.domain.instants import Micros


class FakeLog:
    """Keeps what it is given. ``away``: refuses all; ``breaks_after``: takes that many changes, then fails."""

    def __init__(self) -> None:
        self.changes: list[RecordChange] = []
        self.rejects: list[Rejected] = []
        self.away = False
        self.breaks_after: int | None = None
        self.largest: int | None = None

    async def keep(
        self,
        changes: Sequence[RecordChange],
        rejects: Sequence[Rejected],
        *,
        delivery: Delivery,
        context: Context,  # noqa: ARG002 - the port's parameter
    ) -> None:
        """See the port."""
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
