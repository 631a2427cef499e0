"""What lies between a CRM and its receiver: events come late, out of order and twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from heapq import heappop, heappush
from itertools import count
from random import Random

from cli.simulate.wire import Element
from shared.domain.instants import SECOND_US, Micros

DUPLICATED = 0.03
LATE = 0.04
LATE_BY = 400
"""How many places a late event of a history falls back."""
JITTER = 12
"""How many places any event of a history may be out of order."""


def shuffled(elements: Iterable[Element], random: Random) -> list[Element]:
    """The same events with some repeated and all a little out of order, a few by far. Nothing is lost."""
    places: list[tuple[float, int, Element]] = []
    for index, element in enumerate(elements):
        late = LATE_BY if random.random() < LATE else JITTER
        places.append((index + random.uniform(0, late), index, element))
        if random.random() < DUPLICATED:
            places.append((index + random.uniform(0, LATE_BY), index, element))
    return [element for _, _, element in sorted(places, key=lambda place: place[:2])]


def batches(elements: Iterable[Element], sizes: Mapping[str, int]) -> Iterator[list[Element]]:
    """Events of one source each, in the order given, at most the source's size a batch."""
    waiting: defaultdict[str, list[Element]] = defaultdict(list)
    for element in elements:
        batch = waiting[element.source]
        batch.append(element)
        if len(batch) == sizes[element.source]:
            yield waiting.pop(element.source)
    yield from (batch for batch in waiting.values() if batch)


class Line:
    """A live connection: most events go out at once, some seconds late, some a second time."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._waiting: list[tuple[Micros, int, Element]] = []
        self._order = count()

    def put(self, elements: Iterable[Element], now: Micros) -> None:
        """Events that happened just now."""
        for element in elements:
            late = self._random.random() < LATE
            self._wait(element, now + (self._seconds(2, 10) if late else 0))
            if self._random.random() < DUPLICATED:
                self._wait(element, now + self._seconds(1, 8))

    def due(self, now: Micros) -> list[Element]:
        """What goes out by now, in the order of its delays."""
        elements = []
        while self._waiting and self._waiting[0][0] <= now:
            elements.append(heappop(self._waiting)[2])
        return elements

    def rest(self) -> list[Element]:
        """All that is still on its way: the end of a run loses nothing."""
        return [heappop(self._waiting)[2] for _ in range(len(self._waiting))]

    def _wait(self, element: Element, until: Micros) -> None:
        heappush(self._waiting, (until, next(self._order), element))

    def _seconds(self, least: float, most: float) -> Micros:
        return round(self._random.uniform(least, most) * SECOND_US)
