"""A response that is a stream of server-sent events and ends the moment its client or the process does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import structlog
import uvicorn
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from services.api.stream import Client, Ending, Hub
from shared.errors import TransientError

LAST_WORDS_SECONDS = 1.0
SIGNAL_POLL_SECONDS = 0.1
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Authorization, Cookie"}
log = structlog.get_logger()


class EventStream(StreamingResponse):
    """``frames`` are written as they come, one at a time: a full socket holds the writer, no memory."""

    def __init__(self, client: Client, frames: AsyncIterator[bytes]) -> None:
        super().__init__(frames, headers=HEADERS, media_type="text/event-stream")
        self._client = client
        self._frames = frames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Writes until the client leaves or is told to."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        writing = asyncio.ensure_future(self._write(send))
        leaving = asyncio.ensure_future(_gone(receive))
        try:
            ends: set[asyncio.Future[Any]] = {writing, leaving, self._client.ending}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writing, leaving):
                task.cancel()
            await asyncio.gather(writing, leaving, return_exceptions=True)
        if self._client.ending.done() and self._client.ending.result() is Ending.SHUTDOWN:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write(self, send: Send) -> None:
        try:
            async for frame in self._frames:
                await send({"type": "http.response.body", "body": frame, "more_body": True})
        except TransientError as error:
            log.info("stream_interrupted", error=repr(error))
            self._client.end(Ending.SHUTDOWN)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def end_streams_with(hub: Hub, serving: uvicorn.Server) -> None:
    """Uvicorn waits for open answers, and a stream is open for ever: end them as soon as a signal came."""
    while not serving.should_exit:  # noqa: ASYNC110 - uvicorn's signal handler sets an attribute, no event
        await asyncio.sleep(SIGNAL_POLL_SECONDS)
    hub.close()
