"""Is the value where it should be by now, and what is still to do? Contract section 4.10."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from shared.domain.count_model import Rate
from shared.domain.exact import CONTEXT, ZERO, divide, settled
from shared.domain.instants import HOUR_US, Micros
from shared.domain.kpis import Better
from shared.domain.targets import Asked

ON_TRACK_PACE = Decimal("0.99")
BEHIND_PACE = Decimal("0.8")


class Status(StrEnum):
    """Where a reading stands; the first that applies, as the contract orders them."""

    NO_TARGET = "no_target"
    ACHIEVED = "achieved"
    MISSED = "missed"
    NOT_STARTED = "not_started"
    UNREACHABLE = "unreachable"
    ON_TRACK = "on_track"
    BEHIND = "behind"
    AT_RISK = "at_risk"


class Standing(Struct, frozen=True, kw_only=True):
    """A value against what is asked. Decimals are exact, not yet rounded for show."""

    attainment: Decimal | None = None
    pace: Decimal | None = None
    required_rate: Decimal | None = None
    status: Status = Status.NO_TARGET


class Situation(Struct, frozen=True, kw_only=True):
    """What else decides a standing.

    ``working_left_us``: the subject's working time left in the period. ``best_hourly``: the most that one of her
    last 90 days gave per working hour, None without such a day, and then nothing is called unreachable. ``rate``: how
    fast her facts came lately, None where too little is known, or where the KPI counts nothing.
    """

    over: bool
    better: Better
    working_left_us: Micros
    best_hourly: Decimal | None = None
    rate: Rate | None = None


def standing(value: Decimal | None, asked: Asked | None, situation: Situation) -> Standing:
    """Attainment, pace, required rate and status of a value; ``value`` None is a ratio or average of nothing."""
    if asked is None:
        return Standing()
    known = ZERO if value is None else value
    if situation.better is Better.LOWER:
        return _under_ceiling(value, asked, over=situation.over)
    rate = _required_rate(known, asked, situation)
    pace = _quotient(value, asked.expected)
    return Standing(
        attainment=_quotient(value, asked.target),
        pace=pace,
        required_rate=rate,
        status=_status(known, pace, rate, asked=asked, situation=situation),
    )


def _required_rate(value: Decimal, asked: Asked, situation: Situation) -> Decimal | None:
    """What is left to do per remaining working hour; 0 once done, None when no time is left."""
    left = CONTEXT.subtract(asked.target, value)
    if left <= 0:
        return ZERO
    if situation.over or situation.working_left_us <= 0:
        return None
    return CONTEXT.divide(CONTEXT.multiply(left, Decimal(HOUR_US)), Decimal(situation.working_left_us))


def _status(
    value: Decimal, pace: Decimal | None, rate: Decimal | None, *, asked: Asked, situation: Situation
) -> Status:
    if value >= asked.target:
        return Status.ACHIEVED
    if situation.over:
        return Status.MISSED
    if asked.expected <= 0:
        return Status.NOT_STARTED
    if situation.best_hourly is not None and (rate is None or rate > situation.best_hourly):
        return Status.UNREACHABLE
    return _by_pace(pace)


def _by_pace(pace: Decimal | None) -> Status:
    if pace is not None and pace >= ON_TRACK_PACE:
        return Status.ON_TRACK
    return Status.BEHIND if pace is not None and pace >= BEHIND_PACE else Status.AT_RISK


def _under_ceiling(value: Decimal | None, asked: Asked, *, over: bool) -> Standing:
    """The target is a ceiling: missed as soon as it is passed, achieved only at the end. Nothing passes none."""
    pace = _quotient(asked.expected, value) if value and asked.expected else None
    if value is not None and value > asked.target:
        status = Status.MISSED
    elif over:
        status = Status.ACHIEVED
    elif asked.expected <= 0:
        status = Status.NOT_STARTED
    else:
        status = Status.ON_TRACK if pace is None else _by_pace(pace)
    return Standing(attainment=_quotient(value, asked.target), pace=pace, required_rate=None, status=status)


def _quotient(value: Decimal | None, divisor: Decimal) -> Decimal | None:
    """As exact as a comparison with a round number needs: 66 of 66.66... is a pace of 0.99, not a little less."""
    quotient = None if value is None else divide(value, divisor)
    return None if quotient is None else settled(quotient)
