"""How much of a log may be unusable before it is we who are wrong, not a sender."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

REMEMBERED_MESSAGES = 10_000
"""Older messages weigh half, then a quarter: last week's good ones must not excuse today's bad release."""


class PoisonLimit(Struct, frozen=True):
    """Tolerated: so many messages in any case, beyond that such a share of the recent ones."""

    share: float = 0.1
    at_least: int = 100


class PoisonTally(Struct, array_like=True):
    """Recent messages of a topic and the unusable ones among them, over all workers and their restarts.

    ``counted``: up to which position each partition's messages are in it, so that none counts twice.
    """

    seen: float = 0.0
    poisoned: float = 0.0
    counted: dict[int, int] = {}

    def exceeds(self, limit: PoisonLimit) -> bool:
        """Whether there is more poison than senders' mistakes explain."""
        return self.poisoned > max(limit.at_least, limit.share * self.seen)


class Weighed(Struct, frozen=True):
    """A chunk with poison in it: the positions of its messages from ``start`` to before ``end``, those of its poison,
    and how many good messages went by since the last one was weighed.
    """

    partition: int
    start: int
    end: int
    poisoned: Sequence[int]
    good_before: int = 0


def weigh(prior: PoisonTally, chunk: Weighed) -> PoisonTally:
    """The tally with the chunk in it; what was counted before, in whatever chunk, is not counted again."""
    seen, poisoned = prior.seen + chunk.good_before, prior.poisoned
    while seen > REMEMBERED_MESSAGES:
        seen, poisoned = seen / 2, poisoned / 2
    first = max(chunk.start, prior.counted.get(chunk.partition, 0))
    seen += max(0, chunk.end - first)
    poisoned += sum(1 for position in chunk.poisoned if position >= first)
    return PoisonTally(seen, poisoned, prior.counted | {chunk.partition: max(first, chunk.end)})


encode_tally = msgspec.msgpack.Encoder().encode
decode_tally = msgspec.msgpack.Decoder(PoisonTally).decode
