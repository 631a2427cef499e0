"""A source's allowance: ``burst`` requests at once, ``rate`` a second in the long run."""

from __future__ import annotations

import math

from shared.domain.instants import SECOND_US, Micros

JITTER_US = SECOND_US
"""Requests read the clock before they take their turn, so that times arrive slightly out of order."""


class TokenBucket:
    """Counts down with each request and fills up with time. Time is an argument."""

    __slots__ = ("burst", "filled_at", "rate", "tokens")

    def __init__(self, *, rate: float, burst: int, now: Micros) -> None:
        self.rate = rate
        self.burst = burst
        self.tokens = float(burst)
        self.filled_at = now

    def take(self, now: Micros) -> int:
        """Takes one token: 0 when there was one, else the whole seconds until there is."""
        if now > self.filled_at:
            refill = (now - self.filled_at) / SECOND_US * self.rate
            self.tokens = min(float(self.burst), self.tokens + refill)
            self.filled_at = now
        elif self.filled_at - now > JITTER_US:
            self.filled_at = now  # a clock that was set back starts filling from there
        if self.tokens >= 1:
            self.tokens -= 1
            return 0
        return max(1, math.ceil((1 - self.tokens) / self.rate))

    def limit(self, *, rate: float, burst: int) -> None:
        """From now on these are the limits; what is there stays, up to the new burst."""
        self.rate, self.burst = rate, burst
        self.tokens = min(self.tokens, float(burst))
