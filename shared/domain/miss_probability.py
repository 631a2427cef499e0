"""How likely it is that a period ends on the wrong side of its target. Contract 4.11, ADR 0021."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from shared.domain.count_model import at_most
from shared.domain.exact import CONTEXT, ZERO
from shared.domain.instants import HOUR_US
from shared.domain.kpis import Aggregate, Better, Kpi
from shared.domain.pace import Situation
from shared.domain.targets import Asked

ONE = Decimal(1)


def miss_probability(kpi: Kpi, value: Decimal | None, asked: Asked | None, situation: Situation) -> Decimal | None:
    """The probability that a count ends below its target, or above its ceiling; 0 or 1 where that is settled.

    None without a target, with too little evidence, and for what is no count of what happened: nothing is said of how
    amounts or repeated values come, nor of how states go.
    """
    if kpi.aggregate is not Aggregate.COUNT or kpi.counts_states or value is None or asked is None:
        return None
    left = CONTEXT.subtract(asked.target, value)
    lower = situation.better is Better.LOWER
    if left < 0 or (left == 0 and not lower):
        return ONE if lower else ZERO
    if situation.over or situation.working_left_us <= 0:
        return ZERO if lower else ONE
    if situation.rate is None:
        return None
    hours = situation.working_left_us / HOUR_US
    if lower:
        return Decimal(1 - at_most(int(left.to_integral_value(ROUND_FLOOR)), situation.rate, hours))
    return Decimal(at_most(int(left.to_integral_value(ROUND_CEILING)) - 1, situation.rate, hours))
