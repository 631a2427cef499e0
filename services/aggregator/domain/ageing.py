"""What becomes of what is old: a page is packed once its day is over for a month, and goes after ``retention_days``.

Ages are told on whole UTC days. Nothing is removed because of what one look at a clock says: see ``is_due``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from enum import StrEnum

from msgspec import Struct

from shared.domain.facts import STATE_PAGE
from shared.domain.instants import DAY_US, Micros

PACK_AFTER_DAYS = 31
"""Corrections older than this are so rare that opening a page for them costs nothing."""
ROUND_US = DAY_US
"""From one sweep of a partition to the next."""
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class Due(StrEnum):
    """Whether a partition is to be swept, and why not."""

    NOW = "a_day_since_the_last"
    NOT_YET = "less_than_a_day_since_the_last"
    FIRST_SEEN = "first_seen"
    """The first sweep comes a day later, never at a start."""
    UNATTENDED = "nobody_looked_for_a_day"
    """Or the clock has jumped ahead: it has to be right for another day before anything goes."""
    AHEAD = "the_last_is_ahead_of_the_clock"
    """The clock was set back."""


def is_due(last: Micros | None, now: Micros) -> Due:
    """``last``: when the last sweep began, or the partition was first seen; None for never.

    A worker looks several times a second. If a day and another are over at the first look, there was no worker, or it
    is no honest day: a clock that is wrong by a year must not cost a year of facts.
    """
    if last is None:
        return Due.FIRST_SEEN
    passed = now - last
    if passed < 0:
        return Due.AHEAD
    if passed < ROUND_US:
        return Due.NOT_YET
    return Due.NOW if passed < 2 * ROUND_US else Due.UNATTENDED


class Aged(Struct, frozen=True):
    """A subject's pages that are to go, and those that are to be packed, oldest first."""

    expired: list[str]
    ripe: list[str]


def aged(pages: Iterable[str], packed: Collection[str], now: Micros, *, retention_days: int | None) -> Aged:
    """``retention_days`` None: of a tenant who is not configured; nothing of hers goes."""
    days = sorted(page for page in pages if page != STATE_PAGE)
    expired = [] if retention_days is None else [page for page in days if days_over(page, now) >= retention_days]
    rest = days[len(expired) :]
    return Aged(expired, [page for page in rest if page not in packed and days_over(page, now) >= PACK_AFTER_DAYS])


def days_over(page: str, now: Micros) -> int:
    """How many whole days ago a page's day was over; negative before its end."""
    return now // DAY_US - (date.fromisoformat(page).toordinal() - _EPOCH_ORDINAL) - 1


def day_after(page: str) -> str:
    """The day after a page's, as a page's name."""
    return date.fromordinal(date.fromisoformat(page).toordinal() + 1).isoformat()


class SweptKind(StrEnum):
    """What a sweep does to what; a page is unpacked by a late fact."""

    PAGE_PACKED = "page_packed"
    PAGE_UNPACKED = "page_unpacked"
    PAGE_EXPIRED = "page_expired"
    FACT_EXPIRED = "fact_expired"
    RECORD_EXPIRED = "record_expired"
    RECORD_REDUCED = "record_reduced"
    RECORD_SQUEEZED = "record_squeezed"


class Swept(Struct, frozen=True):
    """What one slice of a sweep did. ``is_more``: the sweep is not complete.

    plain_bytes, packed_bytes: the entries that were packed, before and after. completed: when the sweep that is
    complete now began.
    """

    is_more: bool = False
    counts: Mapping[SweptKind, int] = {}
    plain_bytes: int = 0
    packed_bytes: int = 0
    completed: Micros | None = None


UNSWEPT = Swept()
"""No sweep is due."""
