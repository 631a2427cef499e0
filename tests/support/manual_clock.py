"""A clock whose hands the test turns."""

from __future__ import annotations

from datetime import timedelta

from shared.domain.instants import Micros, parse


class ManualClock:
    """Stands still until told otherwise."""

    def __init__(self, at: str | Micros = "2026-11-23T10:00:00Z") -> None:
        self._now = parse(at) if isinstance(at, str) else at

    def now(self) -> Micros:
        """See the port."""
        return self._now

    def set(self, at: Micros) -> None:
        """Puts the hands there."""
        self._now = at

    def advance(self, by: timedelta) -> None:
        """Turns the hands; a negative length turns them back."""
        self._now += by // timedelta(microseconds=1)
