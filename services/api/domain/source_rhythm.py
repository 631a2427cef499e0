"""Whether a source sends as much as it usually does at this hour of the week, and how much of it came twice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from statistics import median
from zoneinfo import ZoneInfo

from msgspec import Struct

from shared.domain.instants import HOUR_US, Micros, from_datetime, to_datetime

WEEKS = 4
LEAST_WEEKS = 2
"""One week is no habit."""
SPREAD = 3
"""Standard deviations of a count of independent events that are still usual."""
SURELY_SOME = 7
"""Where seven are usual, an hour without any comes once in a thousand."""
FACTOR = 2
"""By so much a rate has to differ as well: large counts deviate by little without a cause."""


class RhythmState(StrEnum):
    """What the last full hour was like."""

    UNKNOWN = "unknown"
    QUIET = "quiet"
    USUAL = "usual"
    BUSY = "busy"


class Rhythm(Struct, frozen=True, kw_only=True):
    """``rate``: events in the last full hour; ``usual``: the median of that hour in the weeks before, None if new."""

    state: RhythmState
    rate: int
    usual: float | None


class HourlyCounts(Struct, frozen=True):
    """Events by hour since 1970 (UTC), and how many of them had been received before. An hour without any is absent."""

    received: Mapping[int, int] = {}
    repeated: Mapping[int, int] = {}


def hours_asked(now: Micros, zone: str) -> set[int]:
    """The hours that ``rhythm`` and ``last_day`` look at: the last 25, and the whole days of four weeks ago."""
    current = now // HOUR_US
    wanted = set(range(current - 24, current + 1))
    for hour in _weeks_before(current - 1, zone):
        first = hour - hour % 24
        wanted |= set(range(first, first + 24))
    return wanted


def rhythm(counts: HourlyCounts, now: Micros, zone: str) -> Rhythm:
    """The last full hour against the same hour of the local week, of weeks on whose day the source sent anything."""
    last = now // HOUR_US - 1
    rate = counts.received.get(last, 0)
    known = [
        counts.received.get(hour, 0)
        for hour in _weeks_before(last, zone)
        if any(counts.received.get(other) for other in range(hour - hour % 24, hour - hour % 24 + 24))
    ]
    if len(known) < LEAST_WEEKS:
        return Rhythm(state=RhythmState.UNKNOWN, rate=rate, usual=None)
    usual = median(known)
    return Rhythm(state=_state(rate, usual), rate=rate, usual=usual)


def _state(rate: int, usual: float) -> RhythmState:
    margin = SPREAD * math.sqrt(usual)
    if rate == 0 and usual >= SURELY_SOME:
        return RhythmState.QUIET
    if rate < usual - margin and rate * FACTOR < usual:
        return RhythmState.QUIET
    if rate > max(usual + margin, SPREAD) and rate > usual * FACTOR:
        return RhythmState.BUSY
    return RhythmState.USUAL


def _weeks_before(hour: int, zone: str) -> list[int]:
    """The same hour on the clock of the zone, one to four weeks earlier; a clock that was changed moves it."""
    local = to_datetime(hour * HOUR_US).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    earlier = (local - timedelta(weeks=weeks) for weeks in range(1, WEEKS + 1))
    return [from_datetime(moment.replace(tzinfo=ZoneInfo(zone))) // HOUR_US for moment in earlier]


def last_hours(counts: Mapping[int, int], now: Micros, hours: int) -> int:
    """How many in so many hours up to now, to the hour: the one that runs, and the full ones before it."""
    current = now // HOUR_US
    return sum(counts.get(hour, 0) for hour in range(current - hours, current + 1))
