"""What the intake needs from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.ingest.domain.delivery import Context, Delivery, Rejected
from services.ingest.domain.enrichment import ApiAnswer, ApiRequest
from services.ingest.domain.retries import Verdict
from services.ingest.domain.spooling import Held, LogMessage, Spooled
from shared.contracts.messages import Quarantined
from shared.domain.changes import RecordChange
from shared.domain.instants import Micros
from shared.domain.quarantine import Place, Retried
from shared.domain.source_hours import SourceHour
from shared.errors import PermanentError, TransientError


class LogUnavailable(TransientError):
    """The event log did not confirm in time. Some of it may be stored: sending it all again is harmless."""

    reason = "kafka_unavailable"


class SpoolFull(LogUnavailable):
    """The log is away, and the spool holds as much as it may."""

    reason = "spool_full"


class SpoolFailed(LogUnavailable):
    """The log is away, and the disk does not take it."""

    reason = "spool_failed"


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


class MessageLog(EventLog, Protocol):
    """An event log whose messages may be put somewhere else first."""

    def messages(
        self, changes: Sequence[RecordChange], rejects: Sequence[Rejected], *, delivery: Delivery, context: Context
    ) -> tuple[LogMessage, ...]:
        """What ``keep`` would send."""
        ...

    async def send(self, messages: Sequence[LogMessage]) -> None:
        """Returns when the log has them, those of one key in this order. Raises: LogUnavailable, EventTooLarge."""
        ...


class Spool(Protocol):
    """Holds deliveries durably, in order, until the log has them."""

    @property
    def held(self) -> Held:
        """What waits now."""
        ...

    async def others_hold(self) -> bool:
        """Whether something waits in the parts of other processes, living or gone. Raises: SpoolFailed."""
        ...

    async def put(self, delivery: Spooled) -> None:
        """Returns when it would outlast a crash. Raises: SpoolFull, SpoolFailed, EventTooLarge."""
        ...

    async def filled(self) -> None:
        """Returns when something waits."""
        ...

    async def oldest(self) -> Sequence[Spooled] | None:
        """The part that was put there first, in order; what is put from now on goes to others. Raises: SpoolFailed."""
        ...

    async def release_oldest(self) -> None:
        """The log has all of that part, or what it will never take is set aside. Raises: SpoolFailed."""
        ...

    async def set_aside(self, delivery: Spooled) -> None:
        """Keeps for people what the log will never take. Raises: SpoolFailed."""
        ...

    async def adopt(self) -> int:
        """Takes over what processes that are gone have left; how many parts. Raises: SpoolFailed."""
        ...


class ApiAway(TransientError):
    """A CRM's API gave no answer."""

    reason = "api_away"


class CrmApi(Protocol):
    """The API of a CRM."""

    async def get(self, request: ApiRequest, base_url: str) -> ApiAnswer:
        """Whatever it answers; redirects are answers. Raises: ApiAway."""
        ...


class SourceReports(Protocol):
    """Where a process tells of its sources."""

    async def tell(self, hours: Sequence[SourceHour]) -> None:
        """Returns when they are stored. Raises: LogUnavailable."""
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
