"""What both use cases do with messages that cannot be used: keep them, but not without limit."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from services.aggregator.domain.poison import PoisonGauge, PoisonLimit
from services.aggregator.ports import Chunk, Poison, PoisonReason, QuarantineSink, TooMuchPoison

UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding rubbish raises: no JSON or another shape, no UTF-8, nested without end."""


class PoisonKeeper:
    """Puts one topic's unusable messages into quarantine; stops the worker when there are too many."""

    def __init__(self, topic: str, sink: QuarantineSink, limit: PoisonLimit | None = None) -> None:
        self._topic = topic
        self._sink = sink
        self._gauge = PoisonGauge(limit or PoisonLimit())

    async def keep(self, chunk: Chunk, poison: Sequence[Poison]) -> None:
        """Counts every chunk, keeps what is poison in it. Raises: TooMuchPoison, TransientError.

        An event of a tenant whom nobody configured is kept too, but is no sign that the worker is broken.
        """
        broken = sum(1 for one in poison if one.reason is not PoisonReason.UNKNOWN_TENANT)
        if self._gauge.exceeded_by(len(chunk.values), broken):
            raise TooMuchPoison(
                f"{broken} of {len(chunk.values)} messages at {self._topic}/{chunk.partition} offset {chunk.start} "
                f"cannot be used, the last: {poison[-1].reason if poison else ''} "
                f"({poison[-1].detail if poison else 'in chunks before'}). Was a new version deployed? Nothing of this "
                "chunk was applied; go back to the version before or mend this one."
            )
        if poison:
            await self._sink.poisoned(self._topic, chunk.partition, poison)
