"""What the self-check compares: pure."""

from __future__ import annotations

from collections.abc import Mapping

from services.aggregator.domain.stored import Counted, Refold
from shared.domain.accumulators import Accumulator
from shared.domain.facts import Fact
from shared.domain.instants import DAY_US, Micros

Cells = Mapping[str, Mapping[str, Accumulator] | None]
"""Accumulators by definition of each cell; None is unlike anything."""


def differing(folded: Cells, stored: Cells, refold: Refold, counted: Counted) -> list[str]:
    """Names of cells and places of values that are stored other than the pages fold to. What is empty is nothing."""
    nothing: Mapping[str, Accumulator] = {}
    cells = [name for name in {**folded, **stored} if folded.get(name, nothing) != stored.get(name, nothing)]
    places = {**refold.values, **counted.values}
    values = ["/".join(place) for place in places if refold.values.get(place) != counted.values.get(place)]
    return sorted([*cells, *values])


def is_retained(fact: Fact, *, since: Micros) -> bool:
    """Whether pages still have to hold it: a state, or what happened since an instant."""
    return fact.is_state or fact.at >= since


def retained_since(retention_days: int, now: Micros) -> Micros:
    """The instant from which on everything must still be there: a day less than is retained, as zones differ."""
    return now - (retention_days - 1) * DAY_US
