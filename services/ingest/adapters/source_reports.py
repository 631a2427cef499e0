"""source.health on the event log's producer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.ingest.domain.spooling import LogMessage
from shared.contracts.source_reports import encode_source_hour
from shared.contracts.topics import SOURCE_HEALTH
from shared.domain.source_hours import SourceHour


class Sends(Protocol):
    """A log that takes messages for any of our topics."""

    async def send(self, messages: Sequence[LogMessage]) -> None:
        """Returns when all are stored. Raises: LogUnavailable, EventTooLarge."""
        ...


class KafkaSourceReports:
    """The SourceReports port."""

    def __init__(self, log: Sends) -> None:
        self._log = log

    async def tell(self, hours: Sequence[SourceHour]) -> None:
        """See the port."""
        messages = [LogMessage(SOURCE_HEALTH, f"{h.tenant}/{h.source}", encode_source_hour(h)) for h in hours]
        await self._log.send(messages)
