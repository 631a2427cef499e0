"""Working time: the one place that knows hours, holidays and absences. Everybody else asks here."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import accumulate

from msgspec import Struct

from shared.domain.instants import Micros, from_datetime
from shared.domain.people import Rep, WorkingWeek
from shared.domain.periods import ONE_DAY, PeriodRules, day_start, local_day, zone_info

MINUTES_A_DAY = 24 * 60
NEXT_WORK_HORIZON_DAYS = 370
"""A calendar without an hour of work in over a year has no next working moment."""


class Calendar(Struct, frozen=True):
    """A tenant's working hours, closed days (holidays included) and period rules; ``zone`` is the tenant's."""

    zone: str
    week: WorkingWeek
    closed: frozenset[date] = frozenset()
    periods: PeriodRules = PeriodRules()

    def whole_spans(self, day: date, zone: str) -> tuple[tuple[Micros, Micros], ...]:
        """Working spans of a local day by the tenant's hours, less holidays and closed days."""
        return () if day in self.closed else _spans(self.week.days[day.weekday()], day, zone)

    def present_spans(self, rep: Rep, day: date) -> tuple[tuple[Micros, Micros], ...]:
        """Working spans of a rep's local day: her own hours if she has others, nothing while she is absent."""
        if day in self.closed or rep.away_on(day):
            return ()
        week = self.week if rep.week is None else rep.week
        return _spans(week.days[day.weekday()], day, rep.zone)

    def spans(self, rep: Rep | None, day: date) -> tuple[tuple[Micros, Micros], ...]:
        """A rep's spans, or the tenant's own where the subject is no rep."""
        return self.whole_spans(day, self.zone) if rep is None else self.present_spans(rep, day)

    def working_time_between(self, rep: Rep | None, start: Micros, end: Micros) -> Micros:
        """Working time of a subject within [start, end), in microseconds."""
        zone = self.zone if rep is None else rep.zone
        total, day, last = 0, local_day(start, zone), local_day(end, zone)
        while day <= last and start < end:
            total += sum(overlap(span, start, end) for span in self.spans(rep, day))
            day += ONE_DAY
        return total

    def is_working(self, rep: Rep | None, now: Micros) -> bool:
        """Whether the subject is at work at an instant."""
        zone = self.zone if rep is None else rep.zone
        return any(start <= now < end for start, end in self.spans(rep, local_day(now, zone)))

    def working_moment(self, rep: Rep | None, after: Micros, working_us: Micros) -> Micros | None:
        """The instant at which so much working time will have passed since ``after``; None beyond a year."""
        left = working_us
        for start, end in self._spans_from(rep, after):
            usable = end - max(start, after)
            if left <= usable:
                return max(start, after) + left
            left -= usable
        return None

    def _spans_from(self, rep: Rep | None, after: Micros) -> Iterator[tuple[Micros, Micros]]:
        first = local_day(after, self.zone if rep is None else rep.zone)
        for offset in range(NEXT_WORK_HORIZON_DAYS):
            yield from (span for span in self.spans(rep, first + timedelta(days=offset)) if span[1] > after)


def length(spans: tuple[tuple[Micros, Micros], ...]) -> Micros:
    """Total time of disjoint spans."""
    return sum(end - start for start, end in spans)


class Worked(Struct, frozen=True):
    """Disjoint spans in the order of time with the time that has passed before each: any instant is one look-up."""

    starts: tuple[Micros, ...]
    ends: tuple[Micros, ...]
    before: tuple[Micros, ...]
    total: Micros

    def until(self, now: Micros) -> Micros:
        """The part of the spans that has passed by ``now``."""
        place = bisect_right(self.starts, now) - 1
        return 0 if place < 0 else self.before[place] + min(self.ends[place], now) - self.starts[place]


@lru_cache(maxsize=1_024)
def worked_in(spans: tuple[tuple[Micros, Micros], ...]) -> Worked:
    """Working time by its spans, in order; what several KPIs ask of the same days is kept once."""
    passed = [0, *accumulate(end - start for start, end in spans)]
    return Worked(tuple(s for s, _ in spans), tuple(e for _, e in spans), tuple(passed[:-1]), passed[-1])


def overlap(span: tuple[Micros, Micros], start: Micros, end: Micros) -> Micros:
    """Shared length of a span and [start, end)."""
    return max(0, min(span[1], end) - max(span[0], start))


@lru_cache(maxsize=65_536)
def _spans(minutes: tuple[tuple[int, int], ...], day: date, zone: str) -> tuple[tuple[Micros, Micros], ...]:
    spans = ((_wall(day, start, zone), _wall(day, end, zone)) for start, end in minutes)
    return tuple((start, end) for start, end in spans if end > start)


def _wall(day: date, minute: int, zone: str) -> Micros:
    """The instant at which the wall clock shows a minute of a local day; 24:00 is the next day's start."""
    if minute == 0:
        return day_start(day, zone)
    if minute >= MINUTES_A_DAY:
        return day_start(day + ONE_DAY, zone)
    moment = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone_info(zone))
    return from_datetime(moment.astimezone(UTC))
