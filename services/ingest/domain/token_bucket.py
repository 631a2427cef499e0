"""A source's allowance: ``burst`` requests at once, ``rate`` a second in the long run."""

from __future__ import annotations

import math

from shared.domain.instants import SECOND_US, Micros


class TokenBucket:
    """Counts down with each request and fills up with time. Time is an argument."""

    __slots__ = ("_filled_at", "_tokens", "burst", "rate")

    def __init__(self, *, rate: float, burst: int, now: Micros) -> None:
        self.rate = rate
        self.burst = burst
        self._tokens = float(burst)
        self._filled_at = now

    def take(self, now: Micros) -> int:
        """Takes one token: 0 when there was one, else the whole seconds until there is."""
        if now > self._filled_at:
            refill = (now - self._filled_at) / SECOND_US * self.rate
            self._tokens = min(float(self.burst), self._tokens + refill)
        self._filled_at = now  # a clock that was set back starts filling from there
        if self._tokens >= 1:
            self._tokens -= 1
            return 0
        return max(1, math.ceil((1 - self._tokens) / self.rate))
