"""Reads bodies: in time, within the source's limit, and all of them together within a bound of memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.types import Receive

from services.ingest.domain.refusals import RefusalReason, Refused

BODY_SECONDS = 10.0
"""A sender has this long for its body; senders themselves give up after 5 to 30 s."""
SLOW_SECONDS = 5.0
"""So much longer than at ``SLOWEST`` a body may take: a lost packet or two cost three seconds."""
SLOWEST = 1024
"""Bytes a second."""
RETRY_SECONDS = 1
_DIGITS = 18
"""Of any length that a body can have; Python refuses to read thousands of them."""


class SenderGone(Exception):
    """The connection closed before the body was whole; there is nobody to answer."""


class _Reading:
    """A body that is not whole yet; ``ousted`` when its bytes were given to others."""

    __slots__ = ("held", "ousted", "parts", "timer")

    def __init__(self) -> None:
        self.timer = asyncio.timeout(SLOW_SECONDS)
        self.parts: list[bytes] = []
        self.held = 0
        self.ousted = False


class Bodies:
    """At most ``most`` bytes that are read or worked off, of all sources together; a body alone always fits.

    Where there is no room, who has been reading for longest makes some: a real sender's body is here in milliseconds,
    a flood's stays for as long as it can.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._readings: dict[_Reading, None] = {}  # the oldest first

    @property
    def held(self) -> int:
        """Bytes that are in memory now."""
        return self._held

    async def read(self, receive: Receive, headers: Mapping[bytes, bytes], *, limit: int) -> bytes:
        """The raw body, never more than ``limit`` bytes of it; who gets it releases it. Raises: Refused, SenderGone."""
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and (len(declared) > _DIGITS or int(declared) > limit):
            raise _too_large(limit)
        part, more = await _part(receive)
        if more or len(part) > limit:
            return await self._read_on(receive, part, more=more, limit=limit)
        if self._held + len(part) <= self._most:  # nearly always: no timer for a body that is already here
            self._held += len(part)
        else:
            self._hold(len(part), None)
        return part

    def release(self, body: bytes) -> None:
        """Nobody needs it any more."""
        self._held -= len(body)

    async def _read_on(self, receive: Receive, part: bytes, *, more: bool, limit: int) -> bytes:
        reading = _Reading()
        self._readings[reading] = None
        try:
            async with reading.timer:
                return await self._whole(receive, part, reading, more=more, limit=limit)
        except TimeoutError:
            self._held -= reading.held
            raise _overloaded() if reading.ousted else _too_slow() from None
        except BaseException:
            self._held -= reading.held
            raise
        finally:
            self._readings.pop(reading, None)

    async def _whole(self, receive: Receive, part: bytes, reading: _Reading, *, more: bool, limit: int) -> bytes:
        began, size = asyncio.get_running_loop().time(), 0
        while True:
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            if reading.ousted:
                raise TimeoutError
            self._hold(len(part), reading)
            reading.parts.append(part)
            if not more:
                return b"".join(reading.parts)
            reading.timer.reschedule(began + min(BODY_SECONDS, SLOW_SECONDS + size / SLOWEST))
            part, more = await _part(receive)

    def _hold(self, size: int, reading: _Reading | None) -> None:
        """Raises: Refused when there is no room and nobody to make some."""
        while self._held + size > self._most:
            oldest = next((each for each in self._readings if each is not reading), None)
            if oldest is None:
                break
            self._oust(oldest)
        others = self._held - (reading.held if reading else 0)
        if self._held + size > self._most and others:
            raise _overloaded()
        self._held += size
        if reading:
            reading.held += size

    def _oust(self, reading: _Reading) -> None:
        del self._readings[reading]
        self._held -= reading.held
        reading.held, reading.ousted = 0, True
        reading.parts.clear()
        if not reading.timer.expired():
            reading.timer.reschedule(asyncio.get_running_loop().time())


async def _part(receive: Receive) -> tuple[bytes, bool]:
    """The next part of the body, and whether more follows. Raises: SenderGone."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise SenderGone
    return message.get("body", b""), message.get("more_body", False)


def _too_large(limit: int) -> Refused:
    return Refused(RefusalReason.BODY_TOO_LARGE, f"this source takes at most {limit} bytes at once")


def _too_slow() -> Refused:
    return Refused(RefusalReason.BODY_TIMEOUT, f"a body is whole within {BODY_SECONDS:g} s, and not much slower")


def _overloaded() -> Refused:
    return Refused(RefusalReason.OVERLOADED, "too many bodies at once", retry_after=RETRY_SECONDS)
