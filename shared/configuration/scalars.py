"""The words of the configuration files: ids, days, durations, times of day. Each says what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, TypeAlias, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator

from shared.domain.exact import number
from shared.domain.instants import SECOND_US, Micros

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", re.ASCII)
_REP_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,99}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DURATION = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_TIMES = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_FACT = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*", re.ASCII)
_FISCAL = re.compile(r"(0[1-9]|1[0-2])-01", re.ASCII)
_UNIT_US = {"s": SECOND_US, "m": 60 * SECOND_US, "h": 3600 * SECOND_US, "d": 86_400 * SECOND_US}

Word = TypeVar("Word", bound=StrEnum)
Minutes: TypeAlias = tuple[tuple[int, int], ...]


def _matching(pattern: re.Pattern[str], remedy: str) -> Callable[[Any], str]:
    def check(value: object) -> str:
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise ValueError(f"{shown(value)} does not fit. {remedy}")
        return value

    return check


def shown(value: object) -> str:
    """A value as a person wrote it, cut."""
    match value:
        case None:
            return "nothing"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case bool():
            return f"`{str(value).lower()}`"
        case _:
            return f"`{str(value)[:60]}`"


def parse_day(value: object) -> date:
    """An ISO date. Raises: ValueError."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError(f"{shown(value)} is no date. Write it as 2026-01-31")


def parse_duration(value: object) -> Micros:
    """Microseconds of ``90s``, ``15m``, ``2h``, ``3d``. Raises: ValueError."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{shown(value)} is no duration. Write it as 90s, 15m, 2h or 3d")
    return int(match[1]) * _UNIT_US[match[2]]


def parse_number(value: object) -> Decimal:
    """An exact number. Raises: ValueError."""
    found = number(value)
    if found is None:
        raise ValueError(f"{shown(value)} is no number. Write it with digits and a point, such as 1200.50")
    return found


def parse_times(value: object) -> Minutes:
    """Spans of minutes of ``09:00-12:00, 13:00-17:30``, in order and apart. Raises: ValueError."""
    spans = [_times(text.strip()) for text in value.split(",")] if isinstance(value, str) else [None]
    found = [span for span in spans if span is not None]
    if len(found) < len(spans):
        raise ValueError(f"{shown(value)} are no times of day. Write them as 09:00-17:30, from 00:00 to 24:00")
    found.sort()
    if any(end > start for (_, end), (start, _) in pairwise(found)):
        raise ValueError(f"the times of day in {shown(value)} overlap. Write them one after the other")
    return tuple(found)


def _times(text: str) -> tuple[int, int] | None:
    match = _TIMES.fullmatch(text)
    if match is None:
        return None
    hours, minutes, end_hours, end_minutes = (int(group) for group in match.groups())
    start, end = hours * 60 + minutes, end_hours * 60 + end_minutes
    return (start, end) if minutes < 60 and end_minutes < 60 and start < end <= 24 * 60 else None


def _zone(value: object) -> str:
    if not isinstance(value, str) or value not in _zones():
        raise ValueError(f"{shown(value)} is no time zone. Write an IANA name such as Europe/Berlin")
    try:
        ZoneInfo(value)
    except (ValueError, OSError):
        raise ValueError(f"the time zone {shown(value)} cannot be loaded. Install tzdata") from None
    return value


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _not_yet(value: object) -> Any:  # noqa: ANN401 - it never returns
    raise ValueError(f"{shown(value)} is not supported yet. Remove it")


def positive(value: Decimal) -> Decimal:
    """Raises: ValueError for zero and less."""
    if value <= 0:
        raise ValueError(f"{shown(str(value))} is too small. Write a number above 0")
    return value


def not_negative(value: Decimal) -> Decimal:
    """Raises: ValueError for less than zero."""
    if value < 0:
        raise ValueError(f"{shown(str(value))} is too small. Write 0 or more")
    return value


def word(kind: type[Word], *, later: frozenset[str] = frozenset()) -> BeforeValidator:
    """One of an enumeration's words; ``later`` are known words that nothing here can do yet."""

    def check(value: object) -> Word:
        if isinstance(value, str) and value in later:
            raise ValueError(f"`{value}` is not supported yet. Use one of: {', '.join(kind)}")
        try:
            return kind(str(value))
        except ValueError:
            raise ValueError(f"{shown(value)} is not known. Use one of: {', '.join(kind)}") from None

    return BeforeValidator(check)


Id = Annotated[str, BeforeValidator(_matching(_ID, "Write an id of letters, digits, `_`, `-` and `.`"))]
RepId = Annotated[str, BeforeValidator(_matching(_REP_ID, "Write an id of letters, digits, `_`, `-`, `.`, `@`, `+`"))]
Currency = Annotated[str, BeforeValidator(_matching(_CURRENCY, "Write three capitals, such as EUR"))]
FactKindName = Annotated[str, BeforeValidator(_matching(_FACT, "Write a kind of fact such as call.logged"))]
FiscalStart = Annotated[str, BeforeValidator(_matching(_FISCAL, "Write the first of a month, such as 04-01"))]
Zone = Annotated[str, BeforeValidator(_zone)]
Day = Annotated[date, BeforeValidator(parse_day)]
Duration = Annotated[Micros, BeforeValidator(parse_duration)]
Number = Annotated[Decimal, BeforeValidator(parse_number)]
TimesOfDay = Annotated[Minutes, BeforeValidator(parse_times)]
NotYet = Annotated[Any, BeforeValidator(_not_yet)]
