"""How many events a source sent in each hour, and how many of them had been received before."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from shared.domain.instants import Micros

HOUR_US: Micros = 3_600_000_000


class Arrivals(Struct):
    """Counts by (``tenant/source``, hour since 1970, UTC) of what was received then.

    ``repeated`` counts those of ``received`` that said nothing new: redeliveries, and changes that came twice.
    """

    received: Counter[tuple[str, int]]
    repeated: Counter[tuple[str, int]]

    @classmethod
    def none(cls) -> Arrivals:
        """Before any."""
        return cls(Counter(), Counter())
