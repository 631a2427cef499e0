"""Days, periods and working time. Contract 4.6 and the hours of 4.9."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONG_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ONE_DAY = timedelta(days=1)
DAY_MINUTES = 24 * 60
OFFICE_HOURS = dict.fromkeys(WEEKDAYS[:5], "09:00-17:00")
"""Where a tenant says nothing."""


@dataclass(frozen=True)
class Span:
    """A period: half-open in instants, with the days it is made of (none: rolling)."""

    kind: str
    id: str
    start: datetime
    end: datetime
    first: date
    last: date

    def contains(self, at: datetime) -> bool:
        return self.start <= at < self.end

    def days(self) -> list[date]:
        return [self.first + n * ONE_DAY for n in range((self.last - self.first).days + 1)]


@lru_cache(maxsize=100_000)
def wall(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """The instant of a time of day: the first of two; one that the clock jumps over is read by the clock before."""
    if minutes in (0, DAY_MINUTES):
        return midnight(day if minutes == 0 else day + ONE_DAY, zone)
    return datetime.combine(day, time(minutes // 60, minutes % 60), zone).astimezone(UTC)


@lru_cache(maxsize=100_000)
def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day, which need not be at 00:00, by bisection."""
    low = datetime.combine(day, time(), UTC) - 2 * ONE_DAY
    high = low + 4 * ONE_DAY
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if latest_day(middle, zone) >= day:
            high = middle
        else:
            low = middle
    return high


def latest_day(at: datetime, zone: ZoneInfo) -> date:
    """The latest date that the wall has shown so far: a clock set back past midnight does not bring yesterday back."""
    local = at.astimezone(zone)
    if local.hour < 22:
        return local.date()
    return max((at - timedelta(minutes=n)).astimezone(zone).date() for n in range(121))


@lru_cache(maxsize=100_000)
def local_day(at: datetime, zone: ZoneInfo) -> date:
    """The day that holds the instant."""
    day = at.astimezone(zone).date()
    for candidate in (day + ONE_DAY, day, day - ONE_DAY):
        if midnight(candidate, zone) <= at < midnight(candidate + ONE_DAY, zone):
            return candidate
    raise AssertionError(f"{at} is in no day of {zone}")


def add_months(first_of_month: date, months: int) -> date:
    count = first_of_month.year * 12 + first_of_month.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


def named_period(kind: str, day: date, tenant: dict[str, Any]) -> tuple[str, date, date]:
    """(id, first day, last day) of the period that holds the day."""
    if kind == "day":
        return day.isoformat(), day, day
    if kind == "week":
        starts = LONG_WEEKDAYS.index(tenant.get("week_start", "monday"))
        first = day - ((day.weekday() - starts) % 7) * ONE_DAY
        return f"w{first.isoformat()}", first, first + 6 * ONE_DAY
    month = day.replace(day=1)
    if kind == "month":
        return f"{month:%Y-%m}", month, add_months(month, 1) - ONE_DAY
    fiscal = int(str(tenant.get("fiscal_year_start", "01-01")).split("-")[0])
    year_first = date(month.year, fiscal, 1)
    if year_first > month:
        year_first = date(month.year - 1, fiscal, 1)
    if kind == "year":
        return f"{year_first.year}", year_first, add_months(year_first, 12) - ONE_DAY
    quarter = ((month.year - year_first.year) * 12 + month.month - year_first.month) // 3
    first = add_months(year_first, 3 * quarter)
    return f"{year_first.year}-q{quarter + 1}", first, add_months(first, 3) - ONE_DAY


def span(kind: str, at: date | datetime, zone: ZoneInfo, tenant: dict[str, Any]) -> Span:
    """The period that contains `at`, a date or an instant, in the zone."""
    if kind.startswith("rolling:"):
        end = at if isinstance(at, datetime) else midnight(at + ONE_DAY, zone)
        length = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": ONE_DAY, "s": timedelta(seconds=1)}[kind[-1]]
        start = end - int(kind[len("rolling:") : -1]) * length
        return Span(kind, kind, start, end, local_day(start, zone), local_day(end - timedelta(microseconds=1), zone))
    day = local_day(at, zone) if isinstance(at, datetime) else at
    name, first, last = named_period(kind, day, tenant)
    return Span(kind, name, midnight(first, zone), midnight(last + ONE_DAY, zone), first, last)


def minutes_of(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def day_hours(hours: dict[str, Any], day: date, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    written = hours.get(WEEKDAYS[day.weekday()])
    if not written:
        return []
    return wall_spans(written, day, zone)


def is_closed(tenant: dict[str, Any], day: date) -> bool:
    """A public holiday or a day on which the tenant is closed."""
    calendar = tenant.get("calendar", {})
    if day in calendar.get("closed", []):
        return True
    where = calendar.get("holidays")
    if not where:
        return False
    return day in public_holidays(where["country"], where.get("subdivision"), day.year)


@lru_cache(maxsize=100)
def public_holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year))


@lru_cache(maxsize=100_000)
def wall_spans(written: str, day: date, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """`08:00-12:00, 13:00-17:30` of a day; times that the clock turns around are no time."""
    pairs = [one.strip().split("-") for one in written.split(",")]
    found = [(wall(day, minutes_of(a), zone), wall(day, minutes_of(b), zone)) for a, b in pairs]
    return [(start, end) for start, end in found if start < end]


def whole_on(tenant: dict[str, Any], zone: ZoneInfo, day: date) -> list[tuple[datetime, datetime]]:
    """The working time of a day by the tenant's hours."""
    if is_closed(tenant, day):
        return []
    return day_hours(tenant.get("calendar", {}).get("working_hours", OFFICE_HOURS), day, zone)


def present_on(
    tenant: dict[str, Any], rep: dict[str, Any], zone: ZoneInfo, day: date
) -> list[tuple[datetime, datetime]]:
    """The rep's own: her hours if she has others, less her absences."""
    if is_closed(tenant, day) or any(one["from"] <= day <= one["to"] for one in rep.get("absences", [])):
        return []
    hours = rep.get("working_hours", tenant.get("calendar", {}).get("working_hours", OFFICE_HOURS))
    return day_hours(hours, day, zone)


def seconds(
    spans: list[tuple[datetime, datetime]], after: datetime | None = None, before: datetime | None = None
) -> Fraction:
    """Elapsed seconds of the spans between two instants."""
    total = timedelta()
    for start, end in spans:
        low = max(start, after) if after else start
        high = min(end, before) if before else end
        total += max(timedelta(), high - low)
    return Fraction(total // timedelta(microseconds=1), 1_000_000)
