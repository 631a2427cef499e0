"""What a reader may ask for, as text, turned into periods and instants."""

from __future__ import annotations

import re
from datetime import date
from typing import TypeAlias

from services.api.domain.refusals import InvalidAt, InvalidOrganisation, InvalidPeriod
from shared.domain.instants import DAY_US, SECOND_US, Micros, parse
from shared.domain.periods import Period, PeriodKind, PeriodRules, day_start, local_day
from shared.domain.readings import Org
from shared.domain.rolling import Rolling, RollingPeriod

At: TypeAlias = date | Micros | None
"""Which period: the one that contains a local date or an instant; None is now."""

GRID_US = 15 * SECOND_US
"""What moves with the clock moves in these steps, so that polling is cheap (contract 5). Divides every midnight."""
FIRST_DAY = date(1970, 1, 2)
LAST_DAY = date(2199, 12, 31)
ROLLING = "rolling:"
LONGEST_ROLLING_US = 366 * DAY_US
_DURATION = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_UNIT_US = {"s": SECOND_US, "m": 60 * SECOND_US, "h": 3600 * SECOND_US, "d": DAY_US}
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def on_grid(now: Micros) -> Micros:
    """The last step of the grid."""
    return now - now % GRID_US


def period_kind(text: str) -> PeriodKind | Rolling:
    """A calendar period's kind, or a rolling one such as ``rolling:60m``. Raises: InvalidPeriod."""
    if text.startswith(ROLLING):
        return _rolling(text)
    try:
        return PeriodKind(text)
    except ValueError:
        raise InvalidPeriod(
            f"{text[:40]!r} is no period; use day, week, month, quarter or year, or such as rolling:7d"
        ) from None


def _rolling(text: str) -> Rolling:
    match = _DURATION.fullmatch(text.removeprefix(ROLLING))
    length = 0 if match is None else int(match[1]) * _UNIT_US[match[2]]
    if not 0 < length <= LONGEST_ROLLING_US:
        raise InvalidPeriod(f"{text[:40]!r} is no rolling period; use such as rolling:60m or rolling:7d, up to 366d")
    return Rolling(text, length)


def org_of(text: str) -> Org:
    """Raises: InvalidOrganisation."""
    try:
        return Org(text)
    except ValueError:
        raise InvalidOrganisation(f"{text[:40]!r}: use as_was or as_is") from None


def instant_of(text: str | None) -> Micros | None:
    """The instant of an RFC 3339 time, or of a date's midnight in UTC. Raises: InvalidAt."""
    at = at_of(text)
    return at if at is None or isinstance(at, int) else parse(f"{at.isoformat()}T00:00:00Z")


def at_of(text: str | None) -> At:
    """A date such as 2026-11-23 or an RFC 3339 instant. Raises: InvalidAt."""
    if text is None:
        return None
    try:
        at: date | Micros = date.fromisoformat(text) if _DATE.fullmatch(text) else parse(text)
    except ValueError:
        raise InvalidAt(
            f"{text[:40]!r} is neither a date such as 2026-11-23 nor an instant such as 2026-11-23T09:30:00Z"
        ) from None
    day = local_day(at, "UTC") if isinstance(at, int) else at
    if not FIRST_DAY <= day <= LAST_DAY:
        raise InvalidAt(f"{text[:40]!r} is not between {FIRST_DAY} and {LAST_DAY}")
    return at


def rolling_asked(kind: Rolling, at: At, *, now: Micros, zone: str) -> RollingPeriod:
    """Up to what was asked for; now is the end of the grid's running step: what just happened counts at once."""
    return RollingPeriod(kind, now - now % GRID_US + GRID_US if at is None else at, zone)


def since_of(text: str | None) -> Micros | None:
    """An RFC 3339 instant, or the beginning of a date in UTC. Raises: InvalidAt."""
    at = at_of(text)
    return day_start(at, "UTC") if isinstance(at, date) else at


def period_asked(rules: PeriodRules, kind: PeriodKind, at: At, *, now: Micros, zone: str) -> Period:
    """The period of a kind that contains what was asked for, in a zone."""
    moment = now if at is None else at
    day = local_day(moment, zone) if isinstance(moment, int) else moment
    return rules.containing(kind, day)
