"""Refusals and failures as RFC 9457 problem documents with a stable ``reason``."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from services.api.domain.refusals import Forbidden, Invalid, Refusal, Unidentified, Unknown
from shared.errors import TransientError

RETRY_AFTER_SECONDS = "1"
log = structlog.get_logger()
_STATUS = ((Invalid, 400), (Unidentified, 401), (Forbidden, 403), (Unknown, 404))
_REASONS = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 415: "unsupported_media_type"}


def problem(status: int, reason: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """A problem document."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "reason": reason,
        "detail": detail,
    }
    return Response(
        msgspec.json.encode(body),
        status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        media_type="application/problem+json",
    )


def install(app: FastAPI) -> None:
    """Every way to fail answers with a problem document."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(TransientError, _transient)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _bug)


async def _refused(_: Request, error: Exception) -> Response:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 400)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return problem(status, getattr(error, "reason", "refused"), str(error), headers)


async def _transient(_: Request, error: Exception) -> Response:
    log.warning("dependency_away", error=repr(error))
    reason = getattr(error, "reason", "temporarily_unavailable")
    return problem(503, reason, "a part that this needs does not answer", {"Retry-After": RETRY_AFTER_SECONDS})


async def _invalid(_: Request, error: Exception) -> Response:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    detail = "; ".join(f"{'.'.join(str(part) for part in p['loc'])}: {p['msg']}" for p in problems)
    return problem(422, "invalid_request", detail[:500])


async def _http(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = str(error.detail) if isinstance(error, HTTPException) else ""
    headers = error.headers if isinstance(error, HTTPException) else None
    return problem(status, _REASONS.get(status, "refused"), detail, headers)


async def _bug(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=request.url.path, error=repr(error))
    return problem(500, "internal_error", "this is our mistake; the log has it")
