"""A spool in memory, and a log whose messages can be spooled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from services.ingest.adapters.log_messages import messages_of
from services.ingest.domain.delivery import Context, Delivery, Rejected
from services.ingest.domain.spooling import Held, LogMessage, Spooled
from services.ingest.ports import EventTooLarge, LogUnavailable, SpoolFailed, SpoolFull
from shared.contracts.messages import decode_change
from shared.contracts.topics import CRM_EVENTS, MAX_MESSAGE_BYTES
from shared.domain.changes import RecordChange
from tests.support.fake_log import FakeLog


class FakeSpool:
    """Holds deliveries in parts of ``part`` each. ``broken``: its disk fails; ``room``: how many it takes."""

    def __init__(self, *, part: int = 2, room: int | None = None) -> None:
        self.parts: list[list[Spooled]] = []
        self.aside: list[Spooled] = []
        self.left_by_others: list[list[Spooled]] = []
        self.broken = False
        self.room = room
        self._part = part
        self._sealed = False
        self._filled = asyncio.Event()

    @property
    def deliveries(self) -> list[Spooled]:
        return [delivery for part in self.parts for delivery in part]

    @property
    def held(self) -> Held:
        found = self.deliveries
        oldest = found[0].received_at if found else 0
        return Held(len(self.parts), len(found), sum(one.size for one in found), oldest)

    async def others_hold(self) -> bool:
        self._check()
        return bool(self.left_by_others)

    async def put(self, delivery: Spooled) -> None:
        self._check()
        if any(len(message.value) > MAX_MESSAGE_BYTES for message in delivery.messages):
            raise EventTooLarge("larger than the log takes")
        if self.room is not None and len(self.deliveries) >= self.room:
            raise SpoolFull("full, as the test wants it")
        if not self.parts or self._sealed or len(self.parts[-1]) >= self._part:
            self.parts.append([])
            self._sealed = False
        self.parts[-1].append(delivery)
        self._filled.set()

    async def filled(self) -> None:
        await self._filled.wait()

    async def oldest(self) -> Sequence[Spooled] | None:
        self._check()
        if not self.parts:
            return None
        self._sealed = self._sealed or len(self.parts) == 1
        return tuple(self.parts[0])

    async def release_oldest(self) -> None:
        self._check()
        self.parts.pop(0)
        if not self.parts:
            self._filled.clear()

    async def set_aside(self, delivery: Spooled) -> None:
        self._check()
        self.aside.append(delivery)

    async def adopt(self) -> int:
        self._check()
        found, self.left_by_others = self.left_by_others, []
        self.parts[:0] = found
        if self.parts:
            self._filled.set()
        return len(found)

    def _check(self) -> None:
        if self.broken:
            raise SpoolFailed("broken, as the test wants it")


class FakeMessageLog(FakeLog):
    """``sends``: what was sent, whole sends in order; ``takes_at_most``: bytes of a value; ``stuck``: never answers."""

    def __init__(self) -> None:
        super().__init__()
        self.sends: list[list[LogMessage]] = []
        self.takes_at_most: int | None = None
        self.stuck = False

    @property
    def values(self) -> list[bytes]:
        return [message.value for send in self.sends for message in send]

    @property
    def sent_changes(self) -> list[RecordChange]:
        sent = [message for send in self.sends for message in send]
        return [decode_change(message.value) for message in sent if message.topic == CRM_EVENTS]

    def messages(
        self, changes: Sequence[RecordChange], rejects: Sequence[Rejected], *, delivery: Delivery, context: Context
    ) -> tuple[LogMessage, ...]:
        return messages_of(changes, rejects, delivery=delivery, context=context)

    async def send(self, messages: Sequence[LogMessage]) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        if self.away:
            raise LogUnavailable("away, as the test wants it")
        if self.takes_at_most is not None and any(len(message.value) > self.takes_at_most for message in messages):
            raise EventTooLarge("larger than the test wants it")
        self.sends.append(list(messages))
