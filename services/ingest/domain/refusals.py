"""Why a whole delivery is turned away: nothing of it is stored, and the sender is told the reason."""

from __future__ import annotations

from enum import StrEnum

from services.ingest.domain.delivery import Problem
from shared.errors import PermanentError


class RefusalReason(StrEnum):
    """Stable codes: log field, metric label and answer body in one. HTTP codes are the adapter's business."""

    MALFORMED_REQUEST = "malformed_request"
    HEAD_TIMEOUT = "head_timeout"
    HEAD_TOO_LARGE = "head_too_large"
    URL_TOO_LONG = "url_too_long"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    NOT_FOUND = "not_found"
    UNKNOWN_SOURCE = "unknown_source"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    BODY_TOO_LARGE = "body_too_large"
    TOO_MANY_ELEMENTS = "too_many_elements"
    TOO_MANY_VALUES = "too_many_values"
    BODY_TIMEOUT = "body_timeout"
    MALFORMED_BODY = "malformed_body"
    NO_USABLE_ELEMENT = "no_usable_element"
    INVALID_CLOUDEVENT = "invalid_cloudevent"
    MISSING_CREDENTIALS = "missing_credentials"
    WRONG_CREDENTIALS = "wrong_credentials"
    BAD_SIGNATURE = "bad_signature"
    VERSION_NOT_ALLOWED = "signature_version_not_allowed"
    INVALID_TIMESTAMP = "invalid_timestamp"
    STALE_TIMESTAMP = "stale_timestamp"
    FUTURE_TIMESTAMP = "future_timestamp"
    UNKNOWN_ORGANISATION = "unknown_organisation"
    UNKNOWN_CHANNEL = "unknown_channel"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    RATE_LIMITED = "rate_limited"
    TOO_MANY_AT_ONCE = "too_many_at_once"
    OVERLOADED = "overloaded"
    KAFKA_UNAVAILABLE = "kafka_unavailable"
    SPOOL_FULL = "spool_full"
    SPOOL_FAILED = "spool_failed"
    UNEXPECTED = "unexpected"


class Refused(PermanentError):
    """The delivery as a whole is turned away. ``retry_after`` is whole seconds, where waiting helps."""

    def __init__(
        self,
        why: RefusalReason,
        detail: str,
        *,
        retry_after: int | None = None,
        problems: tuple[Problem, ...] = (),
    ) -> None:
        super().__init__(detail)
        self.why = why
        self.detail = detail
        self.retry_after = retry_after
        self.problems = problems


def no_such_source() -> Refused:
    """The same words whether there is none or a secret part of its address is wrong."""
    return Refused(RefusalReason.UNKNOWN_SOURCE, "there is no such source")
