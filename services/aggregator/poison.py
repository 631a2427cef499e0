"""What both use cases do with messages that cannot be used: keep them, but not without limit.

The limit holds for the deployment: what was kept is tallied in the store, so that neither a restart nor a move of the
partition to another worker begins to count anew and diverts the log bit by bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from services.aggregator.domain.poison import PoisonLimit, PoisonTally, Weighed, decode_tally, encode_tally, weigh
from services.aggregator.ports import Chunk, Poison, PoisonReason, PoisonTallies, QuarantineSink, TooMuchPoison
from shared.errors import TransientError

UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding rubbish raises: no JSON or another shape, no UTF-8, nested without end."""


class TallyContended(TransientError):
    """Another worker tallied at the same time."""

    reason = "poison_tally_contended"


class PoisonKeeper:
    """Puts one topic's unusable messages into quarantine; stops the worker when there are too many."""

    def __init__(
        self, topic: str, sink: QuarantineSink, tallies: PoisonTallies, limit: PoisonLimit | None = None
    ) -> None:
        self._topic = topic
        self._sink = sink
        self._tallies = tallies
        self._limit = limit or PoisonLimit()
        self._good = 0
        self._passed: dict[int, int] = {}

    async def keep(self, chunk: Chunk, poison: Sequence[Poison]) -> None:
        """Counts a chunk and keeps what is poison in it. Raises: TooMuchPoison, TransientError.

        An event of a tenant whom nobody configured is kept too, but is no sign that the worker is broken.
        """
        if not poison:
            return self._count_good(chunk)
        broken = [one for one in poison if one.reason is not PoisonReason.UNKNOWN_TENANT]
        if broken:
            await self._tally(chunk, broken)
        await self._sink.poisoned(self._topic, chunk.partition, poison)
        return None

    def _count_good(self, chunk: Chunk) -> None:
        end = chunk.position + len(chunk.values)
        if end > self._passed.get(chunk.partition, -1):  # a chunk that is tried again counts once
            self._passed[chunk.partition] = end
            self._good += len(chunk.values)

    async def _tally(self, chunk: Chunk, broken: Sequence[Poison]) -> None:
        positions = [chunk.position + one.offset - chunk.start for one in broken]
        end = chunk.position + len(chunk.values)
        known = await self._tallies.read(self._topic)
        prior = decode_tally(known) if known else PoisonTally()
        good = self._good
        after = weigh(prior, Weighed(chunk.partition, chunk.position, end, positions, good))
        if after.exceeds(self._limit):
            raise TooMuchPoison(self._explained(chunk, broken, after))
        if not await self._tallies.replace(self._topic, known or b"", encode_tally(after)):
            raise TallyContended("another worker tallied at the same time: look again")
        self._good -= good

    def _explained(self, chunk: Chunk, broken: Sequence[Poison], tally: PoisonTally) -> str:
        last = broken[-1]
        return (
            f"too much of the log cannot be used: {len(broken)} of {len(chunk.values)} messages of {self._topic}, "
            f"partition {chunk.partition}, from offset {chunk.start} on ({last.reason} at {last.offset}: "
            f"{last.detail[:120]}), {tally.poisoned:.0f} of the last {tally.seen:.0f}; the limit is "
            f"{self._limit.at_least}, or {self._limit.share:.0%}. Nothing of this chunk was applied, and nothing will "
            "be until it can be read. Was a new version deployed? Go back to the one before, or mend this one. Only if "
            "it is rubbish for certain, have it set aside: raise PACER_POISON__AT_LEAST for as long as that takes"
        )
