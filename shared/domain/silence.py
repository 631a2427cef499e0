"""Is a source out? Alerts freeze and readings say so while one is. Contract 5 and 6."""

from __future__ import annotations

from shared.domain.calendar import Calendar
from shared.domain.instants import Micros
from shared.domain.tenant import SourceRhythm


def is_out(source: SourceRhythm, last_at: Micros | None, calendar: Calendar, now: Micros) -> bool:
    """Whether the silence, in the tenant's working time, is longer than the source is expected to keep.

    One that has never spoken is awaited, not out: nothing can be missing of what never came.
    """
    if source.expect_every_us is None or last_at is None:
        return False
    return calendar.working_time_between(None, last_at, now) > source.expect_every_us
