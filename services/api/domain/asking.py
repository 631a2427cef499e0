"""What a reader may ask for, as text, turned into periods and instants."""

from __future__ import annotations

import re
from datetime import date
from typing import TypeAlias

from services.api.domain.refusals import InvalidAt, InvalidOrganisation, InvalidPeriod
from shared.domain.instants import SECOND_US, Micros, parse
from shared.domain.periods import Period, PeriodKind, PeriodRules, local_day
from shared.domain.readings import Org

At: TypeAlias = date | Micros | None
"""Which period: the one that contains a local date or an instant; None is now."""

GRID_US = 15 * SECOND_US
"""What moves with the clock moves in these steps, so that polling is cheap (contract 5). Divides every midnight."""
FIRST_DAY = date(1970, 1, 2)
LAST_DAY = date(2199, 12, 31)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def on_grid(now: Micros) -> Micros:
    """The last step of the grid."""
    return now - now % GRID_US


def period_kind(text: str) -> PeriodKind:
    """Raises: InvalidPeriod."""
    if text.startswith("rolling:"):
        raise InvalidPeriod("rolling periods are not supported yet; use day, week, month, quarter or year")
    try:
        return PeriodKind(text)
    except ValueError:
        raise InvalidPeriod(f"{text[:40]!r} is no period; use day, week, month, quarter or year") from None


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


def period_asked(rules: PeriodRules, kind: PeriodKind, at: At, *, now: Micros, zone: str) -> Period:
    """The period of a kind that contains what was asked for, in a zone."""
    moment = now if at is None else at
    day = local_day(moment, zone) if isinstance(moment, int) else moment
    return rules.containing(kind, day)
