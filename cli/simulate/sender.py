"""Posts batches as CRMs do: signed afresh at every attempt, again and again until they are taken."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from random import Random

import httpx
import msgspec
from msgspec import Struct, field

from cli.simulate.people import HUBSPOT
from cli.simulate.wire import Element, sign_v3
from shared.domain.clock import Clock
from shared.domain.sources import Source
from shared.errors import PermanentError

RETRIED = frozenset({429, 500, 502, 503, 504})
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
"""Seconds between attempts; real CRMs wait longer, but nobody watches them."""
TIMEOUT_SECONDS = 5.0
"""HubSpot gives up on an answer after this time."""


class DeliveryRefused(PermanentError):
    """The receiver will never take this delivery: wrong secret, unknown source, unusable body."""

    reason = "delivery_refused"


class Tally(Struct):
    """What became of the deliveries so far, in events; ``retries`` are attempts."""

    posted: int = 0
    accepted: int = 0
    quarantined: int = 0
    ignored: int = 0
    retries: int = 0
    problems: Counter[str] = field(default_factory=Counter)


class _Answer(Struct):
    accepted: int = 0
    quarantined: int = 0
    ignored: int = 0
    problems: list[dict[str, int | str]] = []


class Sender:
    """Delivers to one ingest service; ``tally`` is public so that progress can be shown."""

    def __init__(
        self, http: httpx.AsyncClient, url: str, sources: Mapping[str, Source], *, clock: Clock, random: Random
    ) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._sources = sources
        self._clock = clock
        self._random = random
        self.tally = Tally()

    async def deliver(self, batch: list[Element]) -> None:
        """Return once the receiver has the batch, which is of one source. Raises: DeliveryRefused."""
        source = self._sources[batch[0].source]
        pause, attempt = FIRST_PAUSE, 0
        while (wait := await self._attempt(source, batch, attempt=attempt)) is not None:
            self.tally.retries += 1
            attempt += 1
            await asyncio.sleep(max(wait, self._random.uniform(pause / 2, pause)))
            pause = min(pause * 2, LONGEST_PAUSE)
        self.tally.posted += len(batch)

    async def _attempt(self, source: Source, batch: list[Element], *, attempt: int) -> float | None:
        """None when taken, else the least number of seconds to wait before the next attempt."""
        body = _encode(source, batch, attempt)
        headers = {"Content-Type": "application/json", **self._credentials(source, body)}
        try:
            answer = await self._http.post(
                f"{self._url}/v1/webhooks/{source.id}", content=body, headers=headers, timeout=TIMEOUT_SECONDS
            )
        except httpx.TransportError:
            return 0.0
        if answer.status_code in RETRIED:
            return _retry_after(answer.headers.get("Retry-After"))
        if not answer.is_success:
            raise DeliveryRefused(f"{source.id}: {answer.status_code} {answer.text[:200]}")
        self._count(answer.content)
        return None

    def _credentials(self, source: Source, body: bytes) -> dict[str, str]:
        secret = source.secrets[0]
        if source.provider == HUBSPOT:
            return sign_v3(secret, uri=source.public_url, body=body, now=self._clock.now())
        return {"Authorization": f"Bearer {secret}"}

    def _count(self, content: bytes) -> None:
        said = msgspec.json.decode(content, type=_Answer)
        self.tally.accepted += said.accepted
        self.tally.quarantined += said.quarantined
        self.tally.ignored += said.ignored
        self.tally.problems.update(str(problem.get("reason", "?")) for problem in said.problems)


def _encode(source: Source, batch: list[Element], attempt: int) -> bytes:
    if attempt == 0 or source.provider != HUBSPOT:
        return msgspec.json.encode([element.body for element in batch])
    return msgspec.json.encode([{**element.body, "attemptNumber": attempt} for element in batch])


def _retry_after(value: str | None) -> float:
    return min(float(value), LONGEST_PAUSE) if value is not None and value.isdecimal() else 0.0
