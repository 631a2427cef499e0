"""What a rebuild does with messages that cannot be used: what the workers have kept already is only counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from services.aggregator.ports import Poison, PoisonReason, QuarantineSink


class RebuildQuarantine:
    """QuarantineSink. ``known``: up to which offset of each partition the workers have seen the log.

    Beyond that nobody has kept what is unusable yet, and nobody will once the new state is live.
    """

    def __init__(self, sink: QuarantineSink, known: Mapping[int, int]) -> None:
        self._sink = sink
        self._known = known
        self.met: Counter[PoisonReason] = Counter()

    async def poisoned(self, topic: str, partition: int, poison: Sequence[Poison]) -> None:
        """Returns when what is new is kept. Raises: TransientError."""
        self.met.update(each.reason for each in poison)
        fresh = [each for each in poison if each.offset >= self._known.get(partition, 0)]
        if fresh:
            await self._sink.poisoned(topic, partition, fresh)
