"""Answers on the wire: receipts, and RFC 9457 problem documents for what is refused."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from msgspec import Struct
from starlette.types import Send

from services.ingest.domain.delivery import Answer, Problem
from services.ingest.domain.refusals import RefusalReason, Refused
from shared.observability.cuts import STATUS as CUT_STATUS

STATUS: dict[RefusalReason, HTTPStatus] = {
    **{RefusalReason(reason.value): status for reason, status in CUT_STATUS.items()},
    RefusalReason.NOT_FOUND: HTTPStatus.NOT_FOUND,
    RefusalReason.UNKNOWN_SOURCE: HTTPStatus.NOT_FOUND,
    RefusalReason.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    RefusalReason.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    RefusalReason.BODY_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    RefusalReason.TOO_MANY_ELEMENTS: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    RefusalReason.TOO_MANY_VALUES: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    RefusalReason.BODY_TIMEOUT: HTTPStatus.REQUEST_TIMEOUT,
    RefusalReason.MALFORMED_BODY: HTTPStatus.BAD_REQUEST,
    RefusalReason.NO_USABLE_ELEMENT: HTTPStatus.BAD_REQUEST,
    RefusalReason.INVALID_CLOUDEVENT: HTTPStatus.BAD_REQUEST,
    RefusalReason.MISSING_CREDENTIALS: HTTPStatus.UNAUTHORIZED,
    RefusalReason.WRONG_CREDENTIALS: HTTPStatus.UNAUTHORIZED,
    RefusalReason.BAD_SIGNATURE: HTTPStatus.UNAUTHORIZED,
    RefusalReason.VERSION_NOT_ALLOWED: HTTPStatus.UNAUTHORIZED,
    RefusalReason.INVALID_TIMESTAMP: HTTPStatus.UNAUTHORIZED,
    RefusalReason.STALE_TIMESTAMP: HTTPStatus.UNAUTHORIZED,
    RefusalReason.FUTURE_TIMESTAMP: HTTPStatus.UNAUTHORIZED,
    RefusalReason.UNKNOWN_ORGANISATION: HTTPStatus.FORBIDDEN,
    RefusalReason.UNKNOWN_CHANNEL: HTTPStatus.FORBIDDEN,
    RefusalReason.ORIGIN_NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    RefusalReason.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    RefusalReason.TOO_MANY_AT_ONCE: HTTPStatus.TOO_MANY_REQUESTS,
    RefusalReason.OVERLOADED: HTTPStatus.TOO_MANY_REQUESTS,
    RefusalReason.KAFKA_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    RefusalReason.SPOOL_FULL: HTTPStatus.SERVICE_UNAVAILABLE,
    RefusalReason.SPOOL_FAILED: HTTPStatus.SERVICE_UNAVAILABLE,
    RefusalReason.UNEXPECTED: HTTPStatus.SERVICE_UNAVAILABLE,
}
_HANG_UP = frozenset({RefusalReason.BODY_TIMEOUT})
"""Not for a body that is too large: closing on unread bytes resets the connection, and many senders would see that
instead of the answer. The server throws the rest away as it comes."""
_ONLY_WITH = {b"allow": HTTPStatus.METHOD_NOT_ALLOWED, b"www-authenticate": HTTPStatus.UNAUTHORIZED}
Headers = list[tuple[bytes, bytes]]


class ProblemDocument(Struct, frozen=True, omit_defaults=True):
    """RFC 9457; ``reason`` is stable, ``detail`` is for people."""

    title: str
    status: int
    reason: str
    detail: str
    problems: tuple[Problem, ...] = ()


_encode = msgspec.json.Encoder().encode


async def send_problem(send: Send, refused: Refused, *, headers: Headers | None = None) -> None:
    """The refusal as a problem document. Of ``headers`` those go out that belong to its status."""
    status = STATUS[refused.why]
    document = ProblemDocument(status.phrase, status.value, refused.why, refused.detail, refused.problems)
    extra = [pair for pair in headers or [] if _ONLY_WITH.get(pair[0], status) is status]
    if refused.retry_after is not None:
        extra.append((b"retry-after", str(refused.retry_after).encode()))
    if refused.why in _HANG_UP:
        extra.append((b"connection", b"close"))
    await _send(send, status.value, b"application/problem+json", _encode(document), extra)


async def send_answer(send: Send, answer: Answer) -> None:
    """A success as the provider shaped it."""
    await _send(send, answer.status, answer.media_type, answer.body, list(answer.headers))


async def _send(send: Send, status: int, media_type: bytes, body: bytes, extra: Headers) -> None:
    headers = [(b"content-type", media_type), (b"content-length", str(len(body)).encode()), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
