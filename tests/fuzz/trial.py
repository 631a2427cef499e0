"""One mutated request against the real application, in process: what must be true whatever was sent."""

from __future__ import annotations

import asyncio
import time
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry

from services.ingest.adapters.http import WebhookApp
from services.ingest.adapters.quarantine_entries import quarantined
from services.ingest.domain.delivery import Context, Delivery, Rejected
from services.ingest.domain.refusals import Refused
from services.ingest.providers.registry import PROVIDERS
from services.ingest.wiring import build_ingest
from shared.contracts.messages import decode_change, decode_quarantined, encode_change, encode_quarantined
from shared.contracts.quarantine import raw_of
from shared.domain import instants
from shared.domain.changes import RecordChange
from shared.domain.derivation import facts_of
from shared.domain.records import Record, RecordKey
from shared.domain.sources import Source
from shared.domain.tenant import Credit
from tests.fuzz.senders import Request, secret_of, source_of
from tests.support.fake_log import FakeKept, FakeLog
from tests.support.manual_clock import ManualClock

NOW = instants.parse("2026-03-02T15:05:00Z")
MOST_SECONDS = 2.0
"""Of processor time, for one request of at most 300 kB."""
MOST_ANSWER_BYTES = 200_000
SECRET_SESSIONS = (b"00D!secret-session",)


class Answered(NamedTuple):
    """What the sender saw."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Trial:
    """An ingest of its own; ``send`` raises AssertionError when something is not as it must be."""

    def __init__(self, provider: str) -> None:
        self.source = source_of(provider)
        self.provider = PROVIDERS[provider]
        self.log = FakeLog()
        clock = ManualClock()
        clock.set(NOW)
        self._ingest = build_ingest(self.log, FakeKept(), clock, registry=CollectorRegistry())
        self._ingest.intake.configure({self.source.id: self.source})

    async def send(self, request: Request) -> Answered:
        """Sends it and looks at everything that came of it."""
        self.log.changes.clear()
        self.log.rejects.clear()
        started = time.process_time()
        answer = await self.answer(request)
        took = time.process_time() - started
        assert 200 <= answer.status < 300 or 400 <= answer.status < 500, answer
        assert took < MOST_SECONDS, f"{took:.2f} s"
        assert len(answer.body) < MOST_ANSWER_BYTES, len(answer.body)
        if answer.status >= 400:
            assert not self.log.changes and not self.log.rejects
            self._is_no_secret_in(answer.body)
        for change in self.log.changes:
            self._is_usable(change)
        for reject in self.log.rejects:
            self._can_be_tried_again(reject, request)
        self._folds()
        return answer

    async def answer(self, request: Request) -> Answered:
        """Sends it, and that is all."""
        return await answered(self._ingest.app, self.source, request)

    def _is_usable(self, change: RecordChange) -> None:
        encoded = encode_change(change)
        assert decode_change(encoded) == change
        assert change.has_possible_times, change
        assert RecordKey.parse(change.key) == RecordKey.of(change), change.key
        for session in SECRET_SESSIONS:
            assert session not in encoded

    def _can_be_tried_again(self, reject: Rejected, request: Request) -> None:
        headers = {name.encode("latin-1"): _wire(value) for name, value in request.headers.items()}
        delivery = Delivery(method="POST", headers=headers, body=request.body, query=request.query)
        context = Context(self.source, "dl_again", NOW, NOW)
        encoded = encode_quarantined(quarantined(reject, delivery, context))
        kept = decode_quarantined(encoded)
        self._is_no_secret_in(encoded)
        try:
            self.provider.translate([self.provider.reread(raw_of(kept))], context)
        except Refused:
            return

    def _is_no_secret_in(self, text: bytes) -> None:
        for secret in (secret_of(self.source.provider).encode(), *SECRET_SESSIONS):
            assert secret not in text, text[:2000]

    def _folds(self) -> None:
        records: dict[RecordKey, Record] = {}
        for change in self.log.changes:
            key = RecordKey.of(change)
            if key in records:
                records[key].merge(change)
            else:
                records[key] = Record.of(change)
        for key, record in records.items():
            facts_of(key, record, Credit())


async def answered(app: WebhookApp, source: Source, request: Request) -> Answered:
    """One request as a server hands it on, and what goes back."""
    sent: list[dict[str, Any]] = []
    inbox = [{"type": "http.request", "body": request.body, "more_body": False}]
    token = f"/{request.path_token}" if request.path_token else ""
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/v1/webhooks/{source.id}{token}",
        "query_string": request.query.encode("latin-1", "replace"),
        "headers": [(name.encode("latin-1"), _wire(value)) for name, value in request.headers.items()],
    }

    async def receive() -> dict[str, Any]:
        return inbox.pop() if inbox else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *parts = sent
    return Answered(start["status"], start["headers"], b"".join(part["body"] for part in parts))


def _wire(value: str) -> bytes:
    return value.encode("latin-1", "replace")


def run(provider: str, requests: Any, count: int) -> dict[int, int]:
    """Sends that many; how often each status came. Raises: AssertionError with the request that did it."""
    trial = Trial(provider)
    statuses: dict[int, int] = {}

    async def all_of_them() -> None:
        for _, request in zip(range(count), requests, strict=False):
            try:
                answer = await trial.send(request)
            except Exception as error:
                shown = f"{request.headers} ?{request.query} /{request.path_token}\n{request.body[:3000]!r}"
                raise AssertionError(f"{provider}: {error!r}\n{shown}") from error
            statuses[answer.status] = statuses.get(answer.status, 0) + 1

    asyncio.run(all_of_them())
    return statuses
