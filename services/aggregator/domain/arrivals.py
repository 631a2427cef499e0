"""How many events a source sent in each hour, and how many of them had been received before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

from shared.domain.instants import HOUR_US, Micros


class Arrivals(Struct):
    """Counts by (``tenant/source``, hour since 1970, UTC) of what was received then.

    ``repeated`` counts those of ``received`` that said nothing new: redeliveries, and changes that came twice.
    """

    received: Counter[tuple[str, int]]
    repeated: Counter[tuple[str, int]]


def by_hour(arrived: Mapping[str, Sequence[Micros]]) -> Counter[tuple[str, int]]:
    """How many events of each source were received in each hour; ``arrived``: when, none empty.

    A chunk of live events is of one hour: its events need not be looked at one by one.
    """
    found: Counter[tuple[str, int]] = Counter()
    for source, times in arrived.items():
        first, last = min(times) // HOUR_US, max(times) // HOUR_US
        if first == last:
            found[source, first] = len(times)
        else:
            found.update((source, at // HOUR_US) for at in times)
    return found
