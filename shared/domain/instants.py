"""Instants as integers: microseconds since 1970-01-01T00:00:00Z. Exact, fast to compare, no zone to forget."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

Micros: TypeAlias = int
"""An instant in microseconds since the epoch, UTC. Names end in ``_at`` (instants) or ``_us`` (lengths)."""

SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
DAY_US = 24 * HOUR_US
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)


def from_datetime(moment: datetime) -> Micros:
    """Microseconds of an aware datetime. Raises: ValueError for a naive one, which names no instant."""
    if moment.tzinfo is None:
        raise ValueError("a datetime without a zone names no instant")
    return (moment - EPOCH) // _MICROSECOND


def to_datetime(instant: Micros) -> datetime:
    """The aware UTC datetime of an instant. Raises: OverflowError outside the years 1 to 9999."""
    return EPOCH + timedelta(microseconds=instant)


def parse(text: str) -> Micros:
    """An RFC 3339 time with its zone, digits beyond microseconds cut. Raises: ValueError."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not an RFC 3339 time with a zone, such as 2026-11-23T09:30:00Z")
    year, month, day, hour, minute, second, fraction, _, sign, offset_hours, offset_minutes = match.groups()
    leap = second == "60"  # a leap second is the last representable moment of its minute
    microsecond = 999_999 if leap else int((fraction or "0").ljust(6, "0")[:6])
    moment = datetime(  # noqa: DTZ001 - the offset is applied to the integer below: 0001-01-01T00:00+14:00 has no UTC datetime
        int(year), int(month), int(day), int(hour), int(minute), 59 if leap else int(second), microsecond
    )
    instant = from_datetime(moment.replace(tzinfo=UTC))
    if sign is None:
        return instant
    if int(offset_hours) > 23 or int(offset_minutes) > 59:
        raise ValueError(f"{text[:40]!r} has an impossible zone offset")
    offset_us = (int(offset_hours) * 60 + int(offset_minutes)) * 60 * SECOND_US
    return instant - offset_us if sign == "+" else instant + offset_us


def text(instant: Micros) -> str:
    """RFC 3339 in UTC with ``Z``: seconds if exact, else microseconds."""
    return to_datetime(instant).isoformat().replace("+00:00", "Z")
