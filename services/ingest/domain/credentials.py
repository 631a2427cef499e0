"""Comparing what only the sender can know, in constant time and without a crash on odd bytes."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from services.ingest.domain.delivery import Delivery
from services.ingest.domain.refusals import RefusalReason, Refused
from shared.domain.instants import SECOND_US, Micros
from shared.domain.sources import Source

DEFAULT_TOLERANCE_US: Micros = 300 * SECOND_US
"""Accepted age, and lead, of a signed delivery. HubSpot v3 publishes this value."""


def any_equal(given: bytes, candidates: Iterable[bytes]) -> bool:
    """Whether any candidate equals what was given; takes as long whichever matches."""
    matches = [hmac.compare_digest(given, candidate) for candidate in candidates]
    return any(matches)


def bearer_of(delivery: Delivery) -> bytes | None:
    """The token that the Authorization header carries, None without one."""
    scheme, _, token = (delivery.header(b"authorization") or b"").partition(b" ")
    return token.strip() or None if scheme.lower() == b"bearer" else None


def check_bearer(delivery: Delivery, source: Source) -> None:
    """Raises: Refused unless the Authorization header carries one of the source's tokens."""
    token = bearer_of(delivery)
    if token is None:
        raise Refused(RefusalReason.MISSING_CREDENTIALS, "send Authorization: Bearer with the source's token")
    if not any_equal(token, (secret.encode() for secret in source.secrets)):
        raise Refused(RefusalReason.WRONG_CREDENTIALS, "the token is none of this source's")


def check_age(signed_at: Micros, now: Micros, *, tolerance: Micros) -> None:
    """Raises: Refused when a signature's time is further from now than the tolerance, either way."""
    if now - signed_at > tolerance:
        raise Refused(RefusalReason.STALE_TIMESTAMP, "the delivery was signed too long ago")
    if signed_at - now > tolerance:
        raise Refused(RefusalReason.FUTURE_TIMESTAMP, "the delivery's timestamp lies in the future")


def tolerance_of(source: Source) -> Micros:
    """The source's option ``tolerance``, or five minutes."""
    configured = source.options.get("tolerance", DEFAULT_TOLERANCE_US)
    return configured if isinstance(configured, int) else DEFAULT_TOLERANCE_US
