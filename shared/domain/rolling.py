"""Rolling periods: so much time up to an instant. Whole local days are in cells, the edges in pages. Contract 4.6."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct

from shared.domain.facts import utc_day
from shared.domain.instants import DAY_US, Micros
from shared.domain.periods import ONE_DAY, Period, day_start, local_day

Span: TypeAlias = tuple[Micros, Micros]
"""Half-open [start, end)."""


class Rolling(Struct, frozen=True):
    """A kind of rolling period, written as in ``rolling:60m``; days are 24 hours."""

    text: str
    length_us: Micros


class RollingPeriod(Struct, frozen=True):
    """Half-open, up to ``end``: an instant, or a date for the end of that day on each rep's own wall.

    ``zone`` is that of who was asked about: where its first day is looked up.
    """

    rolling: Rolling
    end: date | Micros
    zone: str

    @property
    def kind(self) -> str:
        """As it was asked for."""
        return self.rolling.text

    @property
    def id(self) -> str:
        """The same as it moves on: what it is of is told by its bounds."""
        return self.rolling.text

    @property
    def first(self) -> date:
        """The local day that it begins on: versions of KPIs are those of that day."""
        return local_day(self.bounds(self.zone)[0], self.zone)

    def bounds(self, zone: str) -> Span:
        """Half-open [start, end) in a zone."""
        end = day_start(self.end + ONE_DAY, zone) if isinstance(self.end, date) else self.end
        return end - self.rolling.length_us, end

    def has_stock(self, now: Micros, zone: str) -> bool:  # noqa: ARG002 - as calendar periods
        """A stock is of no stretch of time."""
        return False


AnyPeriod: TypeAlias = Period | RollingPeriod


def touched_days(period: RollingPeriod, zone: str) -> list[date]:
    """The local days that some of it lies on."""
    start, end = period.bounds(zone)
    first, last = local_day(start, zone), local_day(end - 1, zone)
    return [first + n * ONE_DAY for n in range((last - first).days + 1)]


@lru_cache(maxsize=256)
def whole_days(period: RollingPeriod, zone: str) -> tuple[date, ...]:
    """The local days that lie in it from their start to their end."""
    start, end = period.bounds(zone)
    days = touched_days(period, zone)
    return tuple(day for day in days if day_start(day, zone) >= start and day_start(day + ONE_DAY, zone) <= end)


def edges(period: RollingPeriod, zone: str) -> list[Span]:
    """What of it lies before and after its whole days."""
    start, end = period.bounds(zone)
    days = whole_days(period, zone)
    if not days:
        return [(start, end)]
    sides = ((start, day_start(days[0], zone)), (day_start(days[-1] + ONE_DAY, zone), end))
    return [(first, last) for first, last in sides if first < last]


def pages_of(spans: Iterable[Span]) -> list[str]:
    """The pages that facts of some spans are in."""
    instants = (at for start, end in spans for at in (*range(start, end, DAY_US), end - 1))
    return list(dict.fromkeys(utc_day(at) for at in instants))
