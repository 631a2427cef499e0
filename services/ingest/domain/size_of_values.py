"""How many values a body may hold: parsed ones take up to forty times the bytes that were sent."""

from __future__ import annotations

from services.ingest.domain.refusals import RefusalReason, Refused

MOST_VALUES = 100_000
"""A thousand elements of a hundred fields. Parsed, so many take some ten megabytes."""
_BEGIN_VALUES = (b",", b"{", b"[", b"<", b"=")
"""What stands before a value: JSON's separators and brackets, XML's tags and attributes."""


def refuse_too_many_values(body: bytes) -> None:
    """Before anything parses it. Marks within texts count too: a body that has so many is no webhook either.

    Raises: Refused.
    """
    if len(body) > MOST_VALUES and sum(map(body.count, _BEGIN_VALUES)) > MOST_VALUES:
        raise Refused(RefusalReason.TOO_MANY_VALUES, f"a delivery holds at most {MOST_VALUES} values")
