"""Absences out of an iCalendar feed: the whole days that its events cover."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Component

from shared.domain.people import DateSpan

ONE_DAY = timedelta(days=1)


def absences_of_feed(text: str, zone: str) -> Iterator[DateSpan]:
    """One span an event, in the rep's zone; part of a day, free time and what was called off do not count.

    Raises: ValueError when the text is no calendar, or an event repeats (leave is written out).
    """
    for event in Calendar.from_ical(text).walk("VEVENT"):
        if str(event.get("STATUS", "")).upper() == "CANCELLED" or str(event.get("TRANSP", "")).upper() == "TRANSPARENT":
            continue
        if "RRULE" in event or "RDATE" in event:
            raise ValueError("an event repeats; write its days out")
        first, end = _days(event, ZoneInfo(zone))
        if end > first:
            yield DateSpan(first, end - ONE_DAY)


def _days(event: Component, zone: ZoneInfo) -> tuple[date, date]:
    """The whole local days within an event: the first, and the one after the last."""
    if "DTSTART" not in event:
        raise ValueError("an event has no DTSTART")
    start = event.decoded("DTSTART")
    if "DTEND" in event:
        end = event.decoded("DTEND")
    elif "DURATION" in event:
        end = start + event.decoded("DURATION")
    else:
        end = start if isinstance(start, datetime) else start + ONE_DAY
    return _day_from(start, zone), _day_until(end, zone)


def _day_from(moment: date, zone: ZoneInfo) -> date:
    if not isinstance(moment, datetime):
        return moment
    local = moment.astimezone(zone) if moment.tzinfo else moment
    return local.date() if local.time().replace(tzinfo=None) == datetime.min.time() else local.date() + ONE_DAY


def _day_until(moment: date, zone: ZoneInfo) -> date:
    if not isinstance(moment, datetime):
        return moment
    return (moment.astimezone(zone) if moment.tzinfo else moment).date()
