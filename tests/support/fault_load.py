"""Load as CRMs make it: every request again and again until it is answered 2xx, and all that was is remembered."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.support.fault_story import Request, endless, pitches
from tests.support.stack import HUBSPOT_SECRET, PUBLIC_URL, TOKEN

REQUESTS_PER_SECOND = 120.0
AT_ONCE = 48
RETRY_SECONDS = 0.25
PITCH_SECONDS = 0.2
FLUSH_SECONDS = 120.0


class Load:
    """Sends rounds of load to one ingest address and keeps what was answered 2xx."""

    def __init__(self, ingest_url: str, seed: int) -> None:
        self.told: dict[str, dict[str, Any]] = {}
        self.answers: Counter[str] = Counter()
        """Of all attempts: status codes, or the kind of failure."""
        self.without_retry_after = 0
        self.rounds = 0
        self._url = ingest_url
        self._story: Iterator[Request] = endless(seed)
        self._sending: set[asyncio.Task[None]] = set()

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events that were answered 2xx, each once, as the oracle reads them."""
        return list(self.told.values())

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """A round: load while the block runs. At its end everything that was begun has been answered 2xx."""
        self.rounds += 1
        limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
        async with httpx.AsyncClient(timeout=10, limits=limits) as http:
            waiting = pitches(self.rounds)
            flow = asyncio.create_task(self._flow(http, waiting))
            try:
                yield
            finally:
                flow.cancel()
                await asyncio.gather(flow, return_exceptions=True)
                for request in waiting:
                    self._send(http, request)
                async with asyncio.timeout(FLUSH_SECONDS):
                    await asyncio.gather(*self._sending)

    async def _flow(self, http: httpx.AsyncClient, waiting: list[Request]) -> None:
        begun = pitched = time.monotonic()
        sent = 0
        while True:
            now = time.monotonic()
            if waiting and now - pitched > PITCH_SECONDS:
                pitched = now
                self._send(http, waiting.pop())
            while sent < (now - begun) * REQUESTS_PER_SECOND and len(self._sending) < AT_ONCE:
                self._send(http, next(self._story))
                sent += 1
            if len(self._sending) >= AT_ONCE:
                begun, sent = now, 0  # what could not be sent meanwhile is not made up for
            await asyncio.sleep(0.01)

    def _send(self, http: httpx.AsyncClient, request: Request) -> None:
        task = asyncio.create_task(self._until_taken(http, request))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _until_taken(self, http: httpx.AsyncClient, request: Request) -> None:
        while not await self._taken(http, request):  # noqa: ASYNC110 - a server that is away tells nobody
            await asyncio.sleep(RETRY_SECONDS)
        self.told.update((each["id"], each) for each in request.told)

    async def _taken(self, http: httpx.AsyncClient, request: Request) -> bool:
        content = json.dumps(request.events).encode()
        headers = _native_headers() if request.source == "native" else _hubspot_headers(content)
        try:
            answer = await http.post(f"{self._url}/{request.source}", content=content, headers=headers)
        except httpx.HTTPError as error:
            self.answers[type(error).__name__] += 1
            return False
        self.answers[str(answer.status_code)] += 1
        if answer.status_code in (429, 503) and "retry-after" not in answer.headers:
            self.without_retry_after += 1
        if answer.is_success and answer.json().get("quarantined"):
            raise AssertionError(f"a good event was put into quarantine: {answer.text}")
        return answer.is_success


def _native_headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}


def _hubspot_headers(content: bytes) -> dict[str, str]:
    stamp = str(int(time.time() * 1000))
    signed = b"POST" + PUBLIC_URL.encode() + content + stamp.encode()
    signature = base64.b64encode(hmac.digest(HUBSPOT_SECRET.encode(), signed, hashlib.sha256)).decode()
    return {
        "Content-Type": "application/json",
        "X-HubSpot-Request-Timestamp": stamp,
        "X-HubSpot-Signature-v3": signature,
    }
