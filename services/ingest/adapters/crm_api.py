"""GETs of a CRM's API with httpx. Redirects are not followed: the token is for the configured address alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime

import httpx

from services.ingest.domain.enrichment import ApiAnswer, ApiRequest
from services.ingest.ports import ApiAway
from shared.domain.clock import Clock
from shared.domain.instants import SECOND_US, from_datetime

TIMEOUT_SECONDS = 15.0
MAX_ANSWER_BYTES = 4_194_304
"""A record with all its properties and their history has some kilobytes."""


class HttpCrmApi:
    """The CRM API port. ``clock`` is for answers that name an instant to come back at."""

    def __init__(self, http: httpx.AsyncClient, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    async def get(self, request: ApiRequest, base_url: str) -> ApiAnswer:
        """See the port."""
        url = base_url.rstrip("/") + request.path
        try:
            async with self._http.stream(
                "GET", url, params=dict(request.query), headers={"Accept": "application/json", **request.headers}
            ) as answer:
                body = await _capped(answer)
        except httpx.HTTPError as error:
            raise ApiAway(f"{type(error).__name__}: the API did not answer") from error
        return ApiAnswer(answer.status_code, body, self._retry_after(answer.headers.get("retry-after", "")))

    def _retry_after(self, value: str) -> float | None:
        """Seconds, or a date; None for anything else."""
        if value.isascii() and value.isdigit() and len(value) <= 9:
            return float(value)
        try:
            at = from_datetime(parsedate_to_datetime(value))
        except (ValueError, TypeError):
            return None
        return max(0.0, (at - self._clock.now()) / SECOND_US)


async def _capped(answer: httpx.Response) -> bytes:
    """Raises: ApiAway, httpx.HTTPError."""
    body = bytearray()
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise ApiAway(f"the API's answer has more than {MAX_ANSWER_BYTES} bytes")
    return bytes(body)


@asynccontextmanager
async def open_crm_api(clock: Clock) -> AsyncIterator[HttpCrmApi]:
    """Connections that are kept while the block lasts."""
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False) as http:
        yield HttpCrmApi(http, clock)
