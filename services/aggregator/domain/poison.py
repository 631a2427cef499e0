"""How much of a log may be unusable before it is we who are wrong, not a sender."""

from __future__ import annotations

from msgspec import Struct

REMEMBERED_MESSAGES = 10_000
"""Older messages weigh half, then a quarter: last week's good ones must not excuse today's bad release."""


class PoisonLimit(Struct, frozen=True):
    """Tolerated: so many messages in any case, beyond that such a share of the recent ones."""

    share: float = 0.1
    at_least: int = 100


class PoisonGauge:
    """Counts recent messages and the unusable ones among them."""

    def __init__(self, limit: PoisonLimit) -> None:
        self._limit = limit
        self._seen = 0.0
        self._poisoned = 0.0

    def exceeded_by(self, seen: int, poisoned: int) -> bool:
        """Counts a chunk; True if there is too much poison by now."""
        if self._seen > REMEMBERED_MESSAGES:
            self._seen /= 2
            self._poisoned /= 2
        self._seen += seen
        self._poisoned += poisoned
        return self._poisoned > max(self._limit.at_least, self._limit.share * self._seen)
