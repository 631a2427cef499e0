"""The webhook address as a bare ASGI application: no framework between a request and the intake.

It knows sources' addresses, sizes and HTTP codes, and no provider.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from services.ingest.adapters.bodies import Bodies, SenderGone
from services.ingest.adapters.problems import STATUS, Headers, send_answer, send_problem
from services.ingest.domain.delivery import Answer, Delivery
from services.ingest.domain.refusals import RefusalReason, Refused
from services.ingest.intake import Intake
from services.ingest.metrics import UNKNOWN_SOURCE, IngestMetrics
from services.ingest.providers.provider import Provider
from shared.domain.sources import Source

PREFIX = "/v1/webhooks/"
UNEXPECTED_RETRY_SECONDS = 30
log = structlog.get_logger()


class WebhookApp:
    """Routes /v1/webhooks/{source}[/{token}] to the intake and ``operations`` by exact path; all else is a 404."""

    def __init__(
        self, intake: Intake, bodies: Bodies, metrics: IngestMetrics, operations: Mapping[str, ASGIApp]
    ) -> None:
        self._intake = intake
        self._bodies = bodies
        self._metrics = metrics
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path.startswith(PREFIX):
            await self._webhook(path[len(PREFIX) :], scope, receive, send)
            return
        operation = self._operations.get(path)
        if operation is None:
            await send_problem(send, Refused(RefusalReason.NOT_FOUND, "there is nothing at this address"))
        elif scope["method"] not in {"GET", "HEAD"}:
            refused = Refused(RefusalReason.METHOD_NOT_ALLOWED, "only GET")
            await send_problem(send, refused, headers=[(b"allow", b"GET, HEAD")])
        else:
            await operation(scope, receive, send)

    async def _webhook(self, address: str, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        source_id, _, path_token = address.partition("/")
        source: Source | None = None
        provider: Provider | None = None
        headers: Headers = []
        try:
            source, provider = self._intake.source(source_id, path_token=path_token)
            headers = _challenge_and_methods(provider)
            answer = await self._answer(scope, receive, source, provider, path_token)
        except Refused as refused:
            self._refused(source, refused.why)
            if provider is not None and STATUS[refused.why] is HTTPStatus.TOO_MANY_REQUESTS and refused.retry_after:
                refused.retry_after = provider.retry_after(dict(scope["headers"]), refused.retry_after)
            await send_problem(send, refused, headers=headers)
        except SenderGone:
            return
        except Exception:  # a bug must neither end the process nor make a sender give up: 503 is tried again
            log.exception("unexpected_error", source=UNKNOWN_SOURCE if source is None else source.id)
            self._refused(source, RefusalReason.UNEXPECTED)
            await send_problem(send, _unexpected(), headers=headers)
        else:
            await send_answer(send, answer)
        finally:
            self._metrics.request_seconds.observe(time.perf_counter() - started)

    def _refused(self, source: Source | None, reason: RefusalReason) -> None:
        log.debug("delivery_refused", source=UNKNOWN_SOURCE if source is None else source.id, reason=reason)
        if source is None:
            self._metrics.refused(UNKNOWN_SOURCE, reason)
        else:
            self._intake.refused(source, reason)

    async def _answer(
        self, scope: Scope, receive: Receive, source: Source, provider: Provider, path_token: str
    ) -> Answer:
        method: str = scope["method"]
        asks = method == "OPTIONS" and provider.handshake is not None
        if method != "POST" and not asks:
            raise Refused(RefusalReason.METHOD_NOT_ALLOWED, "only POST")
        headers = dict(scope["headers"])
        body = await self._bodies.read(receive, headers, limit=source.limits.max_body)
        try:
            query: bytes = scope["query_string"]
            delivery = Delivery(
                method=method, headers=headers, body=body, query=query.decode("latin-1"), path_token=path_token
            )
            if asks:
                return self._intake.handshake(delivery, source, provider)
            return await self._intake.deliver(delivery, source, provider)
        finally:
            self._bodies.release(body)


def _challenge_and_methods(provider: Provider) -> list[tuple[bytes, bytes]]:
    return [(b"allow", b"POST"), (b"www-authenticate", provider.challenge.encode())]


def _unexpected() -> Refused:
    return Refused(RefusalReason.UNEXPECTED, "the delivery could not be handled", retry_after=UNEXPECTED_RETRY_SECONDS)
