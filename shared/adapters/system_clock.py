"""The only place that reads wall time."""

import time

from shared.domain.instants import Micros


class SystemClock:
    """The host's clock."""

    def now(self) -> Micros:
        """Microseconds since the epoch, UTC."""
        return time.time_ns() // 1000
