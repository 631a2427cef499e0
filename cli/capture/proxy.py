"""Stands between senders and ingest: passes everything on, byte for byte, and shows what ingest took of one source."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
from starlette.types import Receive, Scope, Send

from cli.capture.cases import Taken
from services.ingest.domain.delivery import Delivery
from shared.domain.clock import Clock

PREFIX = "/v1/webhooks/"
LARGEST_BODY = 8 * 1_048_576
"""Whatever a source's limit is, ingest says it; this and the next only bound what is held here."""
AT_ONCE = 32
BODY_SECONDS = 10.0
"""As ingest gives a sender for its body."""
TRY_AGAIN = b"5"
_OF_THE_CONNECTION = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"expect"}
)
Headers = list[tuple[bytes, bytes]]


class CapturingProxy:
    """An ASGI application. ``take`` is shown each delivery of the source that ingest answered with 2xx, after its
    sender was answered: whatever goes wrong with the capture costs no delivery.
    """

    def __init__(self, ingest: httpx.AsyncClient, source: str, clock: Clock, take: Callable[[Taken], None]) -> None:
        self._ingest = ingest
        self._source = source
        self._clock = clock
        self._take = take
        self._places = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        async with self._places:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    body = await _read(receive)
            except TimeoutError:
                await _answer(send, 408, [(b"connection", b"close")], b"")
                return
            if body is None:
                await _answer(send, 413, [], b"")
                return
            await self._pass_on(scope, body, send)

    async def _pass_on(self, scope: Scope, body: bytes, send: Send) -> None:
        now = self._clock.now()
        try:
            status, headers, content = await self._forward(scope, body)
        except httpx.HTTPError:
            await _answer(send, 503, [(b"retry-after", TRY_AGAIN)], b"")
            return
        await _answer(send, status, headers, content)
        source, _, token = scope["path"].removeprefix(PREFIX).partition("/")
        if scope["method"] == "POST" and source == self._source and status // 100 == 2:
            query: bytes = scope["query_string"]
            delivery = Delivery(
                method="POST",
                headers=dict(scope["headers"]),
                body=body,
                query=query.decode("latin-1"),
                path_token=token,
            )
            self._take(Taken(delivery, status, now))

    async def _forward(self, scope: Scope, body: bytes) -> tuple[int, Headers, bytes]:
        """Raises: httpx.HTTPError."""
        path: bytes = scope.get("raw_path") or scope["path"].encode()
        query: bytes = scope["query_string"]
        url = self._ingest.base_url.copy_with(raw_path=path.partition(b"?")[0] + (b"?" + query if query else b""))
        headers = [pair for pair in scope["headers"] if pair[0] not in _OF_THE_CONNECTION]
        request = httpx.Request(scope["method"], url, headers=headers, content=body)
        answer = await self._ingest.send(request, stream=True)
        try:
            content = b"".join([part async for part in answer.aiter_raw()])
        finally:
            await answer.aclose()
        kept = [(name.lower(), value) for name, value in answer.headers.raw if name.lower() not in _OF_THE_CONNECTION]
        return answer.status_code, kept, content


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None when it is larger than anybody takes."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        part: bytes = message.get("body", b"")
        more = message["type"] != "http.disconnect" and message.get("more_body", False)
        size += len(part)
        if size > LARGEST_BODY:
            return None
        parts.append(part)
    return b"".join(parts)


async def _answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    length = [] if any(name == b"content-length" for name, _ in headers) else [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": body})
