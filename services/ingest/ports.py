"""What the intake needs from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.ingest.domain.delivery import Context, Delivery, Rejected
from shared.domain.changes import RecordChange
from shared.domain.instants import Micros
from shared.errors import PermanentError, TransientError


class LogUnavailable(TransientError):
    """The event log did not confirm in time. Some of it may be stored: sending it all again is harmless."""

    reason = "kafka_unavailable"


class EventTooLarge(PermanentError):
    """One event is larger than the log takes."""

    reason = "body_too_large"


class EventLog(Protocol):
    """Where deliveries go."""

    async def keep(
        self, changes: Sequence[RecordChange], rejects: Sequence[Rejected], *, delivery: Delivery, context: Context
    ) -> None:
        """Returns when every change is in the log and every reject in quarantine, on all replicas.

        Raises: LogUnavailable, EventTooLarge.
        """
        ...

    async def beat(self, number: int, at: Micros) -> None:
        """Puts a heartbeat into the log, the next number into its next partition. Raises: LogUnavailable."""
        ...
