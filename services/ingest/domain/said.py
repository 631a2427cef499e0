"""Reading what a CRM's JSON or XML says: ids, amounts, times. What cannot be used raises Unusable with its reason."""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal
from typing import NoReturn

from services.ingest.domain.delivery import RejectReason
from services.ingest.domain.json_values import Json, JsonObject, Number
from shared.domain import exact, instants
from shared.domain.changes import EARLIEST_AT, LATEST_AT
from shared.domain.instants import DAY_US, SECOND_US, Micros

MAX_LEAD_US = DAY_US
"""How far ahead of our clock an event may lie: a wrong zone is a day at most, anything more is a broken clock."""
MAX_ID = 512
MILLISECOND_US = 1000
_DIGITS = re.compile(r"-?\d{1,15}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_UNIX = re.compile(r"\d{1,17}", re.ASCII)
_SECONDS_DIGITS, _MILLISECONDS_DIGITS = 11, 14
"""Unix times of the years 1970 to 5138 differ in their length by unit; nobody writes of the first months of 1970."""
_NAIVE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?", re.ASCII)
_MARK_LENGTH = 64


class Unusable(Exception):
    """An element that cannot be used, why, and what helps a person to mend it."""

    def __init__(self, reason: RejectReason, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def refuse(reason: RejectReason, detail: str) -> NoReturn:
    """Raises: Unusable."""
    raise Unusable(reason, detail)


def identifier(value: Json, what: str, *, reason: RejectReason = RejectReason.INVALID_RECORD) -> str:
    """An id: a text, or an integer as its text, so that nobody rounds it. Raises: Unusable."""
    usable = isinstance(value, str) and 0 < len(value) <= MAX_ID
    if not usable or (isinstance(value, Number) and not value.is_integer):
        refuse(reason, f"{what} is a text or a whole number of 1 to {MAX_ID} characters")
    return str(value)


def optional_identifier(value: Json, what: str, *, reason: RejectReason = RejectReason.INVALID_RECORD) -> str | None:
    """As ``identifier``; None for null and for an empty text. Raises: Unusable."""
    return None if value is None or value == "" else identifier(value, what, reason=reason)


def json_object(value: Json, what: str) -> JsonObject:
    """An object that says what the event is of. Raises: Unusable."""
    if not isinstance(value, dict):
        refuse(RejectReason.MISSING_TYPE if value is None else RejectReason.INVALID_TYPE, f"{what} is an object")
    return value


def optional_object(value: Json, what: str) -> JsonObject | None:
    """An object of fields, or None for null. Raises: Unusable."""
    if value is not None and not isinstance(value, dict):
        refuse(RejectReason.INVALID_FIELDS, f"{what} is an object or null")
    return value


def amount(value: Json, what: str) -> str | None:
    """An amount as the text that was sent, None for null and for an empty text. Raises: Unusable."""
    if value is None or value == "":
        return None
    if exact.number(value) is None:
        refuse(RejectReason.INVALID_AMOUNT, f"{what} is no decimal number that can be kept exact")
    return str(value)


def seconds(value: Json, what: str) -> str | None:
    """A duration in seconds as plain text, None for null and for an empty text. Raises: Unusable."""
    if value is None or value == "":
        return None
    number = exact.number(value)
    if number is None or number < 0:
        refuse(RejectReason.INVALID_DURATION, f"{what} is a number of seconds")
    return exact.plain(number)


def scaled(text: str, exponent: int) -> str:
    """A number shifted by powers of ten, plain: cents to units, milliseconds to seconds."""
    return exact.plain(Decimal(text).scaleb(exponent, context=exact.CONTEXT))


def instant(value: Json, what: str) -> Micros:
    """A time: RFC 3339, a naive date and time (UTC), or a whole number of milliseconds. Raises: Unusable."""
    if value is None or value == "":
        refuse(RejectReason.MISSING_TIME, f"{what} is required")
    if not isinstance(value, str):
        refuse(RejectReason.INVALID_TIME, f"{what} is a time")
    try:
        at = _instant(value)
    except (ValueError, OverflowError):
        refuse(RejectReason.INVALID_TIME, f"{what} is no time that we can read")
    if not EARLIEST_AT <= at <= LATEST_AT:
        refuse(RejectReason.INVALID_TIME, f"{what} lies where no calendar can tell the day")
    return at


def _instant(text: str) -> Micros:
    """Raises: ValueError."""
    if _DIGITS.fullmatch(text):
        return int(text) * MILLISECOND_US
    return instants.parse(f"{text}Z" if _NAIVE.fullmatch(text) else text)


def optional_instant(value: Json, what: str) -> Micros | None:
    """As ``instant``; None for null and for an empty text. Raises: Unusable."""
    return None if value is None or value == "" else instant(value, what)


def unix_instant(value: Json, what: str) -> Micros:
    """As ``instant``; a whole number is Unix time in seconds, milliseconds or microseconds, whichever its length fits.

    Raises: Unusable.
    """
    if not isinstance(value, str) or _UNIX.fullmatch(value) is None:
        return instant(value, what)
    if len(value) <= _SECONDS_DIGITS:
        return int(value) * SECOND_US
    return int(value) * (MILLISECOND_US if len(value) <= _MILLISECONDS_DIGITS else 1)


def moment(value: Json, what: str, now: Micros) -> Micros | None:
    """The CRM's own time of a moment; None for nothing, and for a mere date, which names no instant.

    Raises: Unusable, also for a time that lies ahead.
    """
    if value is None or value == "" or (isinstance(value, str) and _DATE.fullmatch(value)):
        return None
    return not_ahead(instant(value, what), now, what)


def not_ahead(at: Micros, now: Micros, what: str) -> Micros:
    """The instant, unless it is more than a day ahead of our clock. Raises: Unusable."""
    if at > now + MAX_LEAD_US:
        refuse(RejectReason.FUTURE_TIME, f"{what} is more than 24 hours ahead of our clock")
    return at


def mark(value: str | None) -> str:
    """Tells values apart within an event id: up to 64 characters as they are, longer ones by their digest."""
    if value is None:
        return ""
    return value if len(value) <= _MARK_LENGTH else hashlib.sha256(value.encode()).hexdigest()
