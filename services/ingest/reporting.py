"""The use case: what the intake alone knows of its sources is told every few seconds."""

from __future__ import annotations

import asyncio

import structlog

from services.ingest.domain.source_accounts import SourceAccounts
from services.ingest.ports import SourceReports
from shared.domain.clock import Clock
from shared.errors import TransientError

log = structlog.get_logger()


class Reporting:
    """Tells for as long as the service runs. What cannot be told now is told later: webhooks do not wait for it."""

    def __init__(self, accounts: SourceAccounts, reports: SourceReports, clock: Clock) -> None:
        self._accounts = accounts
        self._reports = reports
        self._clock = clock

    async def run(self, every_seconds: float) -> None:
        """Never returns."""
        while True:
            await self.tell()
            await asyncio.sleep(every_seconds)

    async def tell(self) -> None:
        """What changed since the last time."""
        hours = self._accounts.untold(self._clock.now())
        if not hours:
            return
        try:
            await self._reports.tell(hours)
        except TransientError as error:
            log.info("source_health_not_told", reason=error.reason)
        else:
            self._accounts.told(hours)
