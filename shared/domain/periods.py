"""Periods: which days belong together, and when a local day begins. Contract section 4.6."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from shared.domain.instants import SECOND_US, Micros, from_datetime, to_datetime

ONE_DAY = timedelta(days=1)
_SLOT_US = 15 * 60 * SECOND_US
"""Local days begin on quarters of an hour of UTC (since 1973), so a local day is constant within one."""
_FIRST_SLOT = 3 * 366 * 96
_ID = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)|w(?P<week>\d{4}-\d\d-\d\d)|(?P<month>\d{4}-\d\d)|(?P<quarter>\d{4}-q[1-4])|(?P<year>\d{4})",
    re.ASCII,
)


class PeriodKind(StrEnum):
    """Calendar periods that a reading may be asked for."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class Period(Struct, frozen=True):
    """Whole local days from ``first`` to ``last``, both included; bounds in time depend on a zone."""

    kind: PeriodKind
    id: str
    first: date
    last: date

    def days(self) -> Iterator[date]:
        """Every local day, in order."""
        return (self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1))

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def has_stock(self, now: Micros, zone: str) -> bool:
        """Whether a stock is read for it: it is the period for who lives in a zone."""
        return local_day(now, zone) in self

    def bounds(self, zone: str) -> tuple[Micros, Micros]:
        """Half-open [start, end) in a zone; a day of 23 or 25 hours is as long as it is."""
        return day_start(self.first, zone), day_start(self.last + ONE_DAY, zone)


@lru_cache(maxsize=256)
def zone_info(zone: str) -> ZoneInfo:
    """The IANA zone. Raises: ZoneInfoNotFoundError, which configuration checks beforehand."""
    return ZoneInfo(zone)


@lru_cache(maxsize=65_536)
def day_start(day: date, zone: str) -> Micros:
    """The first instant of a local day; where midnight is skipped, the instant the clocks go on at."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone_info(zone))
    start = from_datetime(midnight.astimezone(UTC))
    before = to_datetime(start - 1).astimezone(zone_info(zone)).date()
    return start if before < day else _first_instant(day, zone, start)


def _first_instant(day: date, zone: str, guess: Micros) -> Micros:
    """Midnight happens twice or not at all: step back to the first quarter of an hour with this date."""
    while to_datetime(guess - 1).astimezone(zone_info(zone)).date() >= day:
        guess -= _SLOT_US
    return guess


def local_day(instant: Micros, zone: str) -> date:
    """The local day that holds an instant. Cheap: cached by the quarter of an hour."""
    slot = instant // _SLOT_US
    return _day_of(instant, zone) if slot < _FIRST_SLOT else _day_of_slot(slot, zone)


@lru_cache(maxsize=262_144)
def _day_of_slot(slot: int, zone: str) -> date:
    return _day_of(slot * _SLOT_US, zone)


def _day_of(instant: Micros, zone: str) -> date:
    """The date on the wall, or the day after where it has begun: a clock set back past midnight ends no day twice."""
    day = to_datetime(instant).astimezone(zone_info(zone)).date()
    following = day + ONE_DAY
    return following if day_start(following, zone) <= instant else day


class PeriodRules(Struct, frozen=True):
    """A tenant's week and fiscal year: ``week_start`` 0 is Monday, ``fiscal_month`` 1 is January."""

    week_start: int = 0
    fiscal_month: int = 1

    def containing(self, kind: PeriodKind, day: date) -> Period:
        """The period of a kind that contains a local day."""
        match kind:
            case PeriodKind.DAY:
                return Period(kind, day.isoformat(), day, day)
            case PeriodKind.WEEK:
                first = day - timedelta(days=(day.weekday() - self.week_start) % 7)
                return Period(kind, f"w{first.isoformat()}", first, first + timedelta(days=6))
            case PeriodKind.MONTH:
                return Period(kind, f"{day:%Y-%m}", day.replace(day=1), _add_months(day, 1) - ONE_DAY)
            case PeriodKind.QUARTER:
                return self._quarter(day)
            case PeriodKind.YEAR:
                first = self._year_start(day)
                return Period(kind, f"{first:%Y}", first, _add_months(first, 12) - ONE_DAY)

    def of_id(self, period_id: str) -> Period:
        """The period named by an id such as ``2026-q4``. Raises: ValueError."""
        match = _ID.fullmatch(period_id)
        if match is None:
            raise ValueError(
                f"{period_id[:40]!r} is no period id such as 2026-11-23, w2026-11-23, 2026-11, 2026-q4 or 2026"
            )
        kind = PeriodKind(match.lastgroup or "day")
        text = match.group(kind)
        match kind:
            case PeriodKind.MONTH:
                day = date.fromisoformat(f"{text}-01")
            case PeriodKind.QUARTER:
                day = _add_months(date(int(text[:4]), self.fiscal_month, 1), 3 * (int(text[-1]) - 1))
            case PeriodKind.YEAR:
                day = date(int(text), self.fiscal_month, 1)
            case PeriodKind.DAY | PeriodKind.WEEK:
                day = date.fromisoformat(text)
        period = self.containing(kind, day)
        if period.id != period_id:
            raise ValueError(f"{period_id} does not begin a week here; the week is {period.id}")
        return period

    def _year_start(self, day: date) -> date:
        year = day.year if day.month >= self.fiscal_month else day.year - 1
        return date(year, self.fiscal_month, 1)

    def _quarter(self, day: date) -> Period:
        year_start = self._year_start(day)
        index = ((day.month - self.fiscal_month) % 12) // 3
        first = _add_months(year_start, 3 * index)
        last = _add_months(first, 3) - ONE_DAY
        return Period(PeriodKind.QUARTER, f"{year_start:%Y}-q{index + 1}", first, last)


def _add_months(day: date, months: int) -> date:
    """The first of the month that lies so many months after the one of ``day``."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)
