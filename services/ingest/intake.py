"""The use case: a delivery is authenticated, read, stored, and only then acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from services.ingest.domain.delivery import (
    Accepted,
    Answer,
    Context,
    Delivery,
    Ignored,
    Outcome,
    Problem,
    Receipt,
    Rejected,
)
from services.ingest.domain.refusals import RefusalReason, Refused
from services.ingest.domain.token_bucket import TokenBucket
from services.ingest.metrics import IngestMetrics
from services.ingest.ports import EventLog, EventTooLarge, LogUnavailable
from services.ingest.providers.provider import Provider
from shared.domain.clock import Clock
from shared.domain.sources import Source

LOG_RETRY_SECONDS = 5
"""What a sender is told to wait when the log is away."""


class Intake:
    """Takes deliveries of all configured sources. ``configure`` may be called at any time."""

    def __init__(
        self,
        *,
        providers: Mapping[str, Provider],
        log: EventLog,
        clock: Clock,
        metrics: IngestMetrics,
        new_delivery_id: Callable[[], str],
    ) -> None:
        self._providers = providers
        self._log = log
        self._clock = clock
        self._metrics = metrics
        self._new_delivery_id = new_delivery_id
        self._sources: dict[str, tuple[Source, Provider]] = {}
        self._buckets: dict[str, TokenBucket] = {}

    def configure(self, sources: Mapping[str, Source]) -> None:
        """From now on these are the sources. Those of a provider that this version does not know are no address."""
        known = self._providers
        self._sources = {s.id: (s, known[s.provider]) for s in sources.values() if s.provider in known}
        self._buckets = {source.id: self._bucket(source) for source, _ in self._sources.values()}
        self._metrics.expect_sources(self._sources)

    def _bucket(self, source: Source) -> TokenBucket:
        rate, burst = source.limits.requests_per_second, source.limits.burst
        present = self._buckets.get(source.id)
        if present is not None and (present.rate, present.burst) == (rate, burst):
            return present
        return TokenBucket(rate=rate, burst=burst, now=self._clock.now())

    def source(self, source_id: str, *, path_token: str = "") -> tuple[Source, Provider]:
        """Who an address belongs to. Raises: Refused when nobody."""
        found = self._sources.get(source_id)
        if found is None or (path_token and not found[1].path_token):
            raise Refused(RefusalReason.UNKNOWN_SOURCE, "there is no such source")
        return found

    def handshake(self, delivery: Delivery, source: Source, provider: Provider) -> Answer:
        """What a sender is told that asks before it sends. Raises: Refused."""
        if provider.handshake is None:
            raise Refused(RefusalReason.METHOD_NOT_ALLOWED, "only POST")
        return provider.handshake(delivery, source)

    async def deliver(self, delivery: Delivery, source: Source, provider: Provider) -> Answer:
        """Stores a delivery and returns what to tell the sender; only what is stored is accepted.

        Raises: Refused.
        """
        now = self._clock.now()
        provider.authenticate(delivery, source, now)
        wait = self._buckets[source.id].take(now) if source.id in self._buckets else 0
        if wait:
            raise Refused(RefusalReason.RATE_LIMITED, "more requests than this source may send", retry_after=wait)
        context = Context(source, self._new_delivery_id(), now)
        outcomes = provider.translate(provider.parse(delivery, source), context)
        rejects = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
        await self._keep(outcomes, rejects, delivery=delivery, context=context)
        receipt = _receipt(outcomes, rejects, delivery=context.delivery)
        self._metrics.stored(source.id, receipt, now=now)
        return provider.answer(receipt, delivery, source)

    async def _keep(
        self, outcomes: list[Outcome], rejects: list[Rejected], *, delivery: Delivery, context: Context
    ) -> None:
        changes = [change for outcome in outcomes if isinstance(outcome, Accepted) for change in outcome.changes]
        if not changes and not rejects:
            return
        try:
            await self._log.keep(changes, rejects, delivery=delivery, context=context)
        except LogUnavailable as error:
            raise Refused(RefusalReason.KAFKA_UNAVAILABLE, str(error), retry_after=LOG_RETRY_SECONDS) from error
        except EventTooLarge as error:
            raise Refused(RefusalReason.BODY_TOO_LARGE, str(error)) from error


def _receipt(outcomes: list[Outcome], rejects: list[Rejected], *, delivery: str) -> Receipt:
    ignored = sum(isinstance(outcome, Ignored) for outcome in outcomes)
    return Receipt(
        accepted=len(outcomes) - len(rejects) - ignored,
        quarantined=len(rejects),
        ignored=ignored,
        delivery=delivery,
        problems=tuple(Problem(reject.element.index, reject.reason) for reject in rejects),
    )
