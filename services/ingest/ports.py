"""What the intake needs from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.ingest.domain.delivery import Context, Delivery, Rejected
from services.ingest.domain.retries import Verdict
from shared.contracts.messages import Quarantined
from shared.domain.changes import RecordChange
from shared.domain.instants import Micros
from shared.domain.quarantine import Place, Retried
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


class KeptEntries(Protocol):
    """What quarantine keeps."""

    async def read(self, places: Sequence[Place]) -> Mapping[Place, Quarantined]:
        """The entries that are still there, bodies included. Raises: TransientError."""
        ...


class RetryLog(Protocol):
    """Where a retry ends."""

    async def settle(self, verdict: Verdict, resolution: Retried, *, partition: int) -> None:
        """Returns when first what the verdict means and then the resolution, in the entry's partition, are stored.

        Raises: LogUnavailable, EventTooLarge.
        """
        ...
