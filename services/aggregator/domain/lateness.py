"""Which changes concern a closed period: one that was over, by the rep's own clock, when the event was received.

Lateness is judged by ingest time, not by when a worker comes to it: a backlog, a replay and a rebuild find the same
changes late as the first run did.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from shared.domain.cells import day_cell, month_cell
from shared.domain.facts import STATE_PAGE, Fact
from shared.domain.instants import DAY_US, EPOCH, SECOND_US, Micros, from_datetime
from shared.domain.periods import ONE_DAY, day_start, local_day

_SLOT_US = 15 * 60 * SECOND_US
"""Midnights of all zones are quarters of an hour: within one, no day ends."""
NEVER: Micros = 1 << 62
NO_ENDS = (NEVER, NEVER)


def may_be_late(at: Micros, received_at: Micros) -> bool:
    """False where no day of any zone ended between a fact and the receipt of its event."""
    return at // _SLOT_US != received_at // _SLOT_US


@lru_cache(maxsize=65_536)
def day_ends(page: str, zone: str) -> tuple[Micros, Micros]:
    """When the two local days end that a page's UTC day lies in; the same twice where it is one. States never close."""
    if page == STATE_PAGE:
        return NO_ENDS
    start = from_datetime(EPOCH.fromisoformat(f"{page}T00:00:00+00:00"))
    first, last = (local_day(instant, zone) for instant in (start, start + DAY_US - 1))
    return day_start(first + ONE_DAY, zone), day_start(last + ONE_DAY, zone)


def closed_cells(day: date, received_on: date) -> Iterator[str]:
    """The cells with facts of a local day whose period was over on another."""
    if day < received_on:
        yield day_cell(day)
        if (day.year, day.month) < (received_on.year, received_on.month):
            yield month_cell(day)


def is_late(received_at: Micros, ends: tuple[Micros, Micros], old: Fact | None, new: Fact | None) -> bool:
    """Whether the day of a fact, or of the one that it replaces, was over; ``ends`` are its page's ``day_ends``."""
    if received_at >= ends[1]:
        return True
    return any(fact is not None and fact.at < ends[0] <= received_at for fact in (old, new))
