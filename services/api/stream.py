"""The stream's hub: every event goes to each client that wants it, through a bounded queue of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

from services.api.domain.feed import Audience, EventKind, Happening
from services.api.metrics import ApiMetrics
from shared.errors import TransientError


class TooManyStreams(TransientError):
    """As many clients as the settings allow."""

    reason = "too_many_streams"


class Ending(StrEnum):
    """Why a client's stream ends."""

    SHUTDOWN = "shutdown"
    TOO_SLOW = "too_slow"


class Numbered(Struct, frozen=True):
    """An event with its place in the stream; ``happening`` None: events were missed here, read the whole state."""

    number: int
    happening: Happening | None


class Client:
    """One open stream."""

    def __init__(self, audience: Callable[[], Audience], backlog: int) -> None:
        self.audience = audience
        self.ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._queue: asyncio.Queue[Numbered] = asyncio.Queue(backlog)

    def offer(self, event: Numbered) -> bool:
        """False where the client is too slow to take it."""
        if event.happening is not None and not self.audience().wants(event.happening):
            return True
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            return False
        return True

    async def next(self) -> Numbered:
        """The next event that it wants."""
        return await self._queue.get()

    def end(self, why: Ending) -> None:
        """Asks its stream to end."""
        if not self.ending.done():
            self.ending.set_result(why)


class Subscription(Struct, frozen=True):
    """A client with what it missed; ``missed`` None: it cannot be told, read the whole state."""

    client: Client
    number: int
    missed: tuple[Numbered, ...] | None


class Hub:
    """Numbers events, keeps the latest for those who come back, and hands them out."""

    def __init__(self, *, epoch: str, ring: int, backlog: int, most: int, metrics: ApiMetrics) -> None:
        self.epoch = epoch
        self._ring: deque[Numbered] = deque(maxlen=ring)
        self._backlog = backlog
        self._most = most
        self._metrics = metrics
        self._number = 0
        self._clients: set[Client] = set()
        self._closed = False

    @property
    def tenants(self) -> frozenset[str]:
        """Tenants that somebody looks at."""
        return frozenset(client.audience().tenant for client in self._clients)

    def publish(self, happening: Happening) -> None:
        """To every client that wants it; who cannot keep up is let go."""
        self._number += 1
        event = Numbered(self._number, happening)
        self._ring.append(event)
        self._metrics.stream_events.labels(happening.kind).inc()
        self._hand_out(event)

    def missed(self) -> None:
        """Events may have been lost: every client is to read the whole state, and so is who comes back."""
        self._number += 1
        self._ring.clear()
        self._hand_out(Numbered(self._number, None))

    def subscribe(self, audience: Callable[[], Audience], last_event_id: str | None) -> Subscription:
        """A new client. Raises: TooManyStreams."""
        if self._closed or len(self._clients) >= self._most:
            self._metrics.stream_dropped.labels("too_many").inc()
            raise TooManyStreams("there are as many streams as may be")
        client = Client(audience, self._backlog)
        self._clients.add(client)
        self._metrics.stream_clients.set(len(self._clients))
        return Subscription(client, self._number, self._since(last_event_id))

    def leave(self, client: Client) -> None:
        """The client has gone."""
        self._clients.discard(client)
        self._metrics.stream_clients.set(len(self._clients))

    def close(self) -> None:
        """Ends every stream, so that none holds up the process."""
        self._closed = True
        for client in tuple(self._clients):
            client.end(Ending.SHUTDOWN)

    def id_of(self, number: int) -> str:
        """An event's id: unknown to the next process, which then tells the whole state."""
        return f"{self.epoch}-{number}"

    def _hand_out(self, event: Numbered) -> None:
        for client in tuple(self._clients):
            if not client.offer(event):
                self._metrics.stream_dropped.labels("too_slow").inc()
                client.end(Ending.TOO_SLOW)
                self.leave(client)

    def _since(self, last_event_id: str | None) -> tuple[Numbered, ...] | None:
        """What came after an id, nothing for a first visit; None where that is no longer known."""
        if not last_event_id:
            return ()
        epoch, _, digits = last_event_id.rpartition("-")
        if epoch != self.epoch or not (digits.isascii() and digits.isdecimal() and len(digits) < 19):
            return None
        last = int(digits)
        if last > self._number:
            return None
        oldest = self._ring[0].number if self._ring else self._number + 1
        return tuple(event for event in self._ring if event.number > last) if last >= oldest - 1 else None


def frame(kind: EventKind, data: bytes, event_id: str | None = None) -> bytes:
    """One server-sent event; JSON has no line breaks."""
    head = f"id: {event_id}\n" if event_id is not None else ""
    return f"{head}event: {kind}\ndata: ".encode() + data + b"\n\n"
