"""What a source may still send: its deliveries in progress, and its rate. Only who has authenticated takes of it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from services.ingest.domain.refusals import RefusalReason
from services.ingest.domain.token_bucket import TokenBucket
from shared.domain.instants import Micros
from shared.domain.sources import Limits

CONCURRENCY_RETRY_SECONDS = 1
"""A delivery takes milliseconds: places are free again long before."""


class TurnedAway(NamedTuple):
    """Why there is no place, and the whole seconds after which there may be one."""

    why: RefusalReason
    retry_after: int


class Allowance(Protocol):
    """Of one source; whoever enters leaves."""

    def limit(self, limits: Limits) -> None:
        """From now on these are the limits; who is in stays in."""
        ...

    def enter(self, now: Micros) -> TurnedAway | None:
        """Takes a place and a token; None where there was one of each, else neither is taken."""
        ...

    def leave(self) -> None:
        """Gives the place back."""
        ...


class LocalAllowance:
    """The allowance of a source whose requests all come to this process."""

    __slots__ = ("_bucket", "_inside", "_places")

    def __init__(self, limits: Limits, now: Micros) -> None:
        self._bucket = TokenBucket(rate=limits.requests_per_second, burst=limits.burst, now=now)
        self._places = limits.max_concurrent
        self._inside = 0

    def limit(self, limits: Limits) -> None:
        """See the port."""
        self._bucket.limit(rate=limits.requests_per_second, burst=limits.burst)
        self._places = limits.max_concurrent

    def enter(self, now: Micros) -> TurnedAway | None:
        """See the port."""
        if self._inside >= self._places:
            return TurnedAway(RefusalReason.TOO_MANY_AT_ONCE, CONCURRENCY_RETRY_SECONDS)
        wait = self._bucket.take(now)
        if wait:
            return TurnedAway(RefusalReason.RATE_LIMITED, wait)
        self._inside += 1
        return None

    def leave(self) -> None:
        """See the port."""
        self._inside -= 1
