"""The port to wall time; the only implementation that reads it is shared.adapters.system_clock."""

from typing import Protocol

from shared.domain.instants import Micros


class Clock(Protocol):
    """Says what time it is. Injected, so that tests turn the hands."""

    def now(self) -> Micros:
        """The present instant in microseconds since the epoch, UTC."""
        ...
