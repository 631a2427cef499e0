"""A receiver of alert webhooks for the demo: answers 204 and shows the first shortfall that fires."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec

READ_SECONDS = 10
LARGEST_BODY = 1_048_576
NO_CONTENT = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)


class AlertReceiver:
    """Listens on a bound socket; ``show`` gets one line for the first shortfall, nothing for the rest."""

    def __init__(self, listening: socket.socket, show: Callable[[str], None]) -> None:
        self._listening = listening
        self._show = show
        self._shown = False

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Answers as long as the context lasts."""
        server = await asyncio.start_server(self._answer, sock=self._listening)
        async with server:
            yield

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                found = _LENGTH.search(head)
                body = await reader.readexactly(min(int(found[1]), LARGEST_BODY) if found else 0)
            writer.write(NO_CONTENT)
            await writer.drain()
            self._take(body)
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the sender will try again
        finally:
            writer.close()

    def _take(self, body: bytes) -> None:
        text = None if self._shown else first_shortfall(body)
        if text is not None:
            self._shown = True
            self._show(f"first shortfall alert: {text}; the others are on the board")


def first_shortfall(body: bytes) -> str | None:
    """Who falls short and why, in one line, from a notification's body; None where nothing fires."""
    try:
        notification = msgspec.json.decode(body)
        alert = notification["alerts"][0]
        subject = alert["subject"]
        fires = notification["state"] == "firing" and alert["severity"] != "info"  # a celebration is for information
        who = subject.get("name") or subject.get("rep") or subject.get("team")
        return f"{who}: {alert['reason']} ({alert['rule']}, {alert['severity']})" if fires else None
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
        return None
