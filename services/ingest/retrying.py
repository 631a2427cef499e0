"""The use case: entries of quarantine are tried again, and what became of each is said behind it.

Everything here may happen twice: what is accepted again is the same event, which changes nothing, and an entry that
was accepted once stays so. So a retry that was broken off is simply made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import msgspec
import structlog

from services.ingest.domain import retries
from services.ingest.domain.delivery import Context
from services.ingest.domain.refusals import Refused
from services.ingest.domain.retries import FactMessage, Verdict
from services.ingest.intake import Intake
from services.ingest.metrics import IngestMetrics
from services.ingest.ports import EventTooLarge, KeptEntries, RetryLog
from shared.contracts.messages import Quarantined, decode_batch, decode_change
from shared.contracts.quarantine import Asked, RetryAsked, places, raw_of
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS
from shared.domain.clock import Clock
from shared.domain.quarantine import NOBODY, Place, Retried, RetryOutcome

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)
log = structlog.get_logger()


class Retrying:
    """Tries entries again as its requests name them. ``configure`` may be called at any time."""

    def __init__(
        self, intake: Intake, event_log: RetryLog, kept: KeptEntries, *, clock: Clock, metrics: IngestMetrics
    ) -> None:
        self._intake = intake
        self._log = event_log
        self._kept = kept
        self._clock = clock
        self._metrics = metrics
        self._tenants: Collection[str] = ()

    def configure(self, tenants: Collection[str]) -> None:
        """From now on these are the tenants."""
        self._tenants = tenants

    async def handle(self, asked: RetryAsked) -> None:
        """Returns when what became of every entry is in the log. Raises: TransientError; then it is to be repeated."""
        found = await self._kept.read(places(asked))
        done = await asyncio.gather(*(self._retry(asked, one, found) for one in asked.entries), return_exceptions=True)
        failed = [error for error in done if error is not None]
        if failed:
            raise failed[0]

    async def _retry(self, asked: RetryAsked, one: Asked, found: Mapping[Place, Quarantined]) -> None:
        entry = found.get(Place(asked.partition, one.offset))
        if entry is not None and entry.id != one.id:
            entry = None
        verdict = retries.still(retries.GONE) if entry is None else self._verdict(entry)
        source = NOBODY if entry is None else entry.source
        try:
            await self._settle(asked, one, entry, verdict)
        except EventTooLarge as error:
            verdict = retries.still(retries.TOO_LARGE, str(error))
            await self._settle(asked, one, entry, verdict)
        self._metrics.retried(source, verdict.outcome)
        log.info("retried", entry=one.id, retry=asked.retry, outcome=verdict.outcome, reason=verdict.reason)

    async def _settle(self, asked: RetryAsked, one: Asked, entry: Quarantined | None, verdict: Verdict) -> None:
        resolution = Retried(
            resolves=one.id,
            tenant=NOBODY if entry is None else entry.tenant,
            source=NOBODY if entry is None else entry.source,
            outcome=verdict.outcome,
            reason=verdict.reason,
            detail=verdict.detail,
            at=self._clock.now(),
            by=asked.by,
            retry=asked.retry,
        )
        await self._log.settle(verdict, resolution, partition=asked.partition)

    def _verdict(self, entry: Quarantined) -> Verdict:
        try:
            if entry.topic == CRM_EVENTS:
                return self._event(entry)
            return _facts(entry) if entry.topic == KPI_FACTS else self._element(entry)
        except Refused as refused:
            return retries.of_refusal(refused)
        except UNREADABLE as error:
            return retries.still(retries.UNDECODABLE, str(error)[:300])
        except Exception:  # as at the door: a bug costs this element its retry, not the service its life
            log.exception("unexpected_error", entry=entry.id, source=entry.source)
            return retries.still(retries.UNEXPECTED, "this version cannot handle it: see the log of ingest")

    def _element(self, entry: Quarantined) -> Verdict:
        """An element of a delivery, by its source's provider. It means what it meant when it reached us."""
        source, provider = self._intake.source(entry.source)
        context = Context(source, entry.delivery, self._clock.now(), entry.received_at)
        return retries.of_outcomes(provider.translate([provider.reread(raw_of(entry))], context), source)

    def _event(self, entry: Quarantined) -> Verdict:
        return retries.of_change(decode_change(raw_of(entry)), self._tenants)


def _facts(entry: Quarantined) -> Verdict:
    """What the ledger said, said again where it was said: revisions see to it that nothing newer is undone."""
    value = raw_of(entry)
    decode_batch(value)
    return Verdict(RetryOutcome.ACCEPTED, facts=(FactMessage(entry.partition or 0, value),))
