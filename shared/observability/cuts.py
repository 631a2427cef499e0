"""Why a connection is cut before there is a request that a service could answer, and what its peer is told."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus

import msgspec


class CutReason(StrEnum):
    """Stable codes: metric label and answer body in one."""

    MALFORMED_REQUEST = "malformed_request"
    HEAD_TIMEOUT = "head_timeout"
    HEAD_TOO_LARGE = "head_too_large"
    URL_TOO_LONG = "url_too_long"
    TOO_MANY_CONNECTIONS = "too_many_connections"


_SAID: dict[CutReason, tuple[HTTPStatus, str]] = {
    CutReason.MALFORMED_REQUEST: (HTTPStatus.BAD_REQUEST, "this is no HTTP/1.1 request that can be read in one way"),
    CutReason.HEAD_TIMEOUT: (HTTPStatus.REQUEST_TIMEOUT, "the request line and headers took too long"),
    CutReason.HEAD_TOO_LARGE: (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too many headers, or too long ones"),
    CutReason.URL_TOO_LONG: (HTTPStatus.REQUEST_URI_TOO_LONG, "the address is too long"),
    CutReason.TOO_MANY_CONNECTIONS: (HTTPStatus.TOO_MANY_REQUESTS, "too many connections at once"),
}
RETRY_SECONDS = 1


def _on_the_wire(reason: CutReason) -> bytes:
    status, detail = _SAID[reason]
    document = {"title": status.phrase, "status": status.value, "reason": reason.value, "detail": detail}
    body = msgspec.json.encode(document)
    retry = f"retry-after: {RETRY_SECONDS}\r\n" if status is HTTPStatus.TOO_MANY_REQUESTS else ""
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/problem+json\r\n{retry}"
    return f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body


ANSWERS = {reason: _on_the_wire(reason) for reason in CutReason}
"""RFC 9457 problem documents, whole responses."""
STATUS = {reason: status for reason, (status, _) in _SAID.items()}
