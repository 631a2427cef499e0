"""The use case: CRMs are asked for what they did not send along, and what they answer goes on the log (ADR 0029).

Everything here may happen twice: the same version of a record is the same event, which changes nothing.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from services.ingest.domain.delivery import Context, Delivery, Rejected
from services.ingest.domain.enrichment import Again, ApiAnswer, Ask, Outcome, RecordApi, Wait, coalesced, next_step
from services.ingest.domain.json_values import JsonObject
from services.ingest.domain.refusals import Refused
from services.ingest.domain.said import Unusable
from services.ingest.domain.strict_json import one_object, parse_object
from services.ingest.domain.token_bucket import TokenBucket
from services.ingest.enrichment_metrics import EnrichmentMetrics
from services.ingest.ports import ApiAway, CrmApi, EventLog, EventTooLarge
from services.ingest.providers.provider import Provider
from shared.domain.clock import Clock
from shared.domain.instants import SECOND_US, Micros
from shared.domain.sources import Source
from shared.errors import TransientError

DELIVERY = "enrichment"
"""How the delivery of a change is called that nobody delivered."""
SETTLE_US: Micros = 2 * SECOND_US
"""A record is read this long after the event: bursts are read once, and APIs trail their own webhooks by moments."""
REMEMBERED = 10_000
"""Records of which is known when they were last read."""
_NEEDS_A_PERSON = frozenset({Wait.TOKEN_REFUSED, Wait.WRONG_ADDRESS})
log = structlog.get_logger()


class Enriching:
    """Asks for records of configured sources, one after the other. ``configure`` may be called at any time."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        api: CrmApi,
        event_log: EventLog,
        *,
        clock: Clock,
        metrics: EnrichmentMetrics,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._providers = providers
        self._api = api
        self._log = event_log
        self._clock = clock
        self._metrics = metrics
        self._pause = pause
        self._sources: dict[str, Source] = {}
        self._edited = asyncio.Event()
        self._buckets: dict[str, TokenBucket] = {}
        self._read_at: OrderedDict[str, Micros] = OrderedDict()

    def configure(self, sources: Mapping[str, Source]) -> None:
        """From now on these are the sources; those without ``enrich`` are not asked."""
        self._sources = {source.id: source for source in sources.values() if self._api_of(source) is not None}
        self._metrics.expect_sources(source.id for source in sources.values() if self._has_api(source))
        self._edited.set()  # who waits for a person to mend something looks again
        self._edited = asyncio.Event()

    @property
    def sources(self) -> frozenset[str]:
        """Ids of those that are asked."""
        return frozenset(self._sources)

    def _has_api(self, source: Source) -> bool:
        """Whether it could be asked, with a token or without: what is counted of it begins at 0."""
        provider = self._providers.get(source.provider)
        return provider is not None and provider.api is not None

    def _api_of(self, source: Source) -> RecordApi | None:
        provider = self._providers.get(source.provider)
        return None if source.enrich is None or provider is None else provider.api

    async def handle(self, asks: Sequence[Ask]) -> None:
        """Returns when each of the asks, of one source, is dealt with. Raises: LogUnavailable; then repeat it."""
        wanted = coalesced(asks)
        if not wanted:
            return
        source_id = wanted[0].source
        try:
            await self._settle(wanted)
            for ask in wanted:
                self._metrics.works_on(source_id, ask.received_at)
                outcome = await self._dealt_with(ask)
                self._metrics.done(source_id, outcome)
                log.info("enrichment", source=source_id, kind=ask.record_type, record=ask.record, outcome=outcome)
            for _ in range(len(asks) - len(wanted)):
                self._metrics.done(source_id, Outcome.COALESCED)
        finally:
            self._metrics.works_on(source_id, 0)

    async def _settle(self, asks: Sequence[Ask]) -> None:
        left = max(ask.received_at for ask in asks) + SETTLE_US - self._clock.now()
        if left > 0:
            await self._pause(min(left, SETTLE_US) / SECOND_US)

    async def _dealt_with(self, ask: Ask) -> Outcome:
        """Asks until there is an answer that ends it."""
        if self._read_at.get(ask.key, 0) > ask.received_at + SETTLE_US:
            return Outcome.COALESCED
        failures = 0
        while True:
            source = self._sources.get(ask.source)
            api = None if source is None else self._api_of(source)
            if source is None or api is None:
                return Outcome.NOT_CONFIGURED
            asked_at = self._clock.now()
            answer = await self._answer(ask, source, api)
            if isinstance(answer, Outcome):
                return answer
            step = next_step(answer, failures=failures)
            if isinstance(step, Again):
                failures += 1
                await self._wait(ask, step)
                continue
            if step is not Outcome.ENRICHED or answer is None:
                return step
            outcome = await self._publish(answer, ask, source, api)
            self._remember(ask.key, asked_at)
            return outcome

    async def _answer(self, ask: Ask, source: Source, api: RecordApi) -> ApiAnswer | Outcome | None:
        """None is no answer."""
        if source.enrich is None:
            return Outcome.NOT_CONFIGURED
        request = api.request(ask, source.enrich.token)
        if request is None:
            return Outcome.UNKNOWN_TYPE
        await self._turn(source.id, source.enrich.requests_per_second)
        try:
            return await self._api.get(request, source.enrich.base_url)
        except ApiAway as error:
            log.warning("crm_api_away", source=source.id, detail=str(error))
            return None

    async def _turn(self, source_id: str, rate: float) -> None:
        """Waits until the source's own limit allows a request."""
        burst = max(1, math.ceil(rate))
        bucket = self._buckets.get(source_id)
        if bucket is None:
            bucket = self._buckets[source_id] = TokenBucket(rate=rate, burst=burst, now=self._clock.now())
        bucket.limit(rate=rate, burst=burst)
        while wait := bucket.take(self._clock.now()):
            await self._pause(wait)

    async def _wait(self, ask: Ask, again: Again) -> None:
        self._metrics.waits(ask.source, again.why)
        tell = log.error if again.why in _NEEDS_A_PERSON else log.warning
        tell("enrichment_waits", source=ask.source, reason=again.why, seconds=again.seconds)
        if again.why not in _NEEDS_A_PERSON:
            await self._pause(again.seconds)
            return
        paused = asyncio.ensure_future(self._pause(again.seconds))
        edited = asyncio.create_task(self._edited.wait())
        try:
            await asyncio.wait({paused, edited}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            paused.cancel()
            edited.cancel()

    async def _publish(self, answer: ApiAnswer, ask: Ask, source: Source, api: RecordApi) -> Outcome:
        """Raises: LogUnavailable."""
        context = Context(source, DELIVERY, self._clock.now())
        try:
            changes = api.translate(_record(answer.body), ask, context)
            if changes:
                delivery = Delivery(method="GET", headers={}, body=answer.body)
                await self._log.keep(changes, [], delivery=delivery, context=context)
        except (Refused, Unusable, EventTooLarge) as error:
            log.warning("enrichment_unusable", source=source.id, kind=ask.record_type, detail=str(error))
            return Outcome.UNUSABLE
        except TransientError:
            raise
        except Exception:  # as at the door: a bug costs this record its enrichment, not the service its life
            log.exception("unexpected_error", source=source.id, kind=ask.record_type)
            return Outcome.UNUSABLE
        return Outcome.ENRICHED

    def _remember(self, key: str, at: Micros) -> None:
        self._read_at[key] = at
        self._read_at.move_to_end(key)
        if len(self._read_at) > REMEMBERED:
            self._read_at.popitem(last=False)


def _record(body: bytes) -> JsonObject:
    """What the API answered. Raises: Refused, Unusable."""
    (element,) = one_object(body)
    found = parse_object(element)
    if isinstance(found, Rejected):
        raise Unusable(found.reason, found.detail)
    return found
