"""The use case: a delivery is authenticated, read, stored, and only then acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from services.ingest.domain.allowance import Allowance, LocalAllowance
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
from services.ingest.domain.refusals import RefusalReason, Refused, no_such_source
from services.ingest.domain.size_of_values import refuse_too_many_values
from services.ingest.domain.source_accounts import SourceAccounts
from services.ingest.metrics import IngestMetrics
from services.ingest.ports import EventLog, EventTooLarge, LogUnavailable
from services.ingest.providers.provider import Provider
from shared.domain.clock import Clock
from shared.domain.instants import Micros
from shared.domain.sources import Source

LOG_RETRY_SECONDS = 5
"""What a sender is told to wait when the log is away."""
_TOO_MUCH = {
    RefusalReason.RATE_LIMITED: "more requests than this source may send",
    RefusalReason.TOO_MANY_AT_ONCE: "more deliveries at once than this source may send",
}


class Intake:
    """Takes deliveries of all configured sources. ``configure`` may be called at any time."""

    def __init__(
        self,
        *,
        providers: Mapping[str, Provider],
        log: EventLog,
        clock: Clock,
        metrics: IngestMetrics,
        accounts: SourceAccounts,
        new_delivery_id: Callable[[], str],
        new_allowance: Callable[[Source, Micros], Allowance] | None = None,
    ) -> None:
        self._providers = providers
        self._log = log
        self._clock = clock
        self._metrics = metrics
        self._accounts = accounts
        self._new_delivery_id = new_delivery_id
        self._new_allowance = new_allowance or _local_allowance
        self._sources: dict[str, tuple[Source, Provider]] = {}
        self._allowances: dict[str, Allowance] = {}

    def configure(self, sources: Mapping[str, Source]) -> None:
        """From now on these are the sources. Those of a provider that this version does not know are no address."""
        known = self._providers
        self._sources = {s.id: (s, known[s.provider]) for s in sources.values() if s.provider in known}
        self._allowances = {source.id: self._allowance(source) for source, _ in self._sources.values()}
        self._metrics.expect_sources(self._sources)

    def _allowance(self, source: Source) -> Allowance:
        """The one that its deliveries in progress are in, if there is one."""
        present = self._allowances.get(source.id)
        if present is None:
            return self._new_allowance(source, self._clock.now())
        present.limit(source.limits)
        return present

    def source(self, source_id: str, *, path_token: str = "") -> tuple[Source, Provider]:
        """Who an address belongs to. Raises: Refused when nobody."""
        found = self._sources.get(source_id)
        if found is None or (path_token and not found[1].path_token):
            raise no_such_source()
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
        refuse_too_many_values(delivery.body)
        signed_at = provider.authenticate(delivery, source, now)
        allowance = self._allowances.get(source.id)
        if allowance is None:  # the configuration lost the source while its request was read
            raise no_such_source()
        turned_away = allowance.enter(now)
        if turned_away is not None:
            why, seconds = turned_away
            raise Refused(why, _TOO_MUCH[why], retry_after=seconds)
        try:
            receipt = await self._take_in(delivery, Context(source, self._new_delivery_id(), now), provider)
        finally:
            allowance.leave()
        self._accounts.stored(source, receipt, signed_at=signed_at, now=now)
        self._metrics.stored(source.id, receipt, now=now, skew_us=self._accounts.skew_us(source))
        return provider.answer(receipt, delivery, source)

    def refused(self, source: Source, reason: RefusalReason) -> None:
        """A delivery of a source was turned away."""
        self._accounts.refused(source, reason, self._clock.now())
        self._metrics.refused(source.id, reason)

    async def _take_in(self, delivery: Delivery, context: Context, provider: Provider) -> Receipt:
        outcomes = provider.translate(provider.parse(delivery, context.source), context)
        rejects = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
        await self._keep(outcomes, rejects, delivery=delivery, context=context)
        return _receipt(outcomes, rejects, delivery=context.delivery)

    async def _keep(
        self, outcomes: list[Outcome], rejects: list[Rejected], *, delivery: Delivery, context: Context
    ) -> None:
        changes = [change for outcome in outcomes if isinstance(outcome, Accepted) for change in outcome.changes]
        if not changes and not rejects:
            return
        try:
            await self._log.keep(changes, rejects, delivery=delivery, context=context)
        except LogUnavailable as error:
            raise Refused(RefusalReason(error.reason), str(error), retry_after=LOG_RETRY_SECONDS) from error
        except EventTooLarge as error:
            raise Refused(RefusalReason.BODY_TOO_LARGE, str(error)) from error


def _local_allowance(source: Source, now: Micros) -> Allowance:
    return LocalAllowance(source.limits, now)


def _receipt(outcomes: list[Outcome], rejects: list[Rejected], *, delivery: str) -> Receipt:
    ignored = sum(isinstance(outcome, Ignored) for outcome in outcomes)
    return Receipt(
        accepted=len(outcomes) - len(rejects) - ignored,
        quarantined=len(rejects),
        ignored=ignored,
        delivery=delivery,
        problems=tuple(Problem(reject.element.index, reject.reason) for reject in rejects),
    )
