"""The other direction of the self-check: does a record say what a page holds? A fact that none says is withdrawn."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from random import Random

import structlog
from msgspec import Struct

from services.aggregator.auditing import SKEW_US, Finding
from services.aggregator.domain.attribution import Location
from services.aggregator.domain.audit import retained_since
from services.aggregator.domain.stored import RepRef
from services.aggregator.ports import Catalogue, FactsPublisher, LedgerStore, ScoreboardStore
from services.aggregator.reattribution import Reattribution
from shared.contracts.messages import FactBatch, FactChange, encode_batch
from shared.contracts.records import unpack
from shared.domain.clock import Clock
from shared.domain.facts import Fact, PageEntry, Revision
from shared.domain.instants import Micros
from shared.domain.records import RecordKey

log = structlog.get_logger()


class Held(Struct, frozen=True):
    """A fact of a page: its place, and the ledger partition of its record."""

    tenant: str
    location: Location
    fact: Fact
    ledger: int

    @property
    def key(self) -> RecordKey:
        """The record that must say it."""
        return RecordKey(self.tenant, self.fact.source, self.fact.record_type, self.fact.record)

    @property
    def record(self) -> str:
        """The record's key as text."""
        return _record_of(self.tenant, self.fact)


class PagesAudit:
    """Compares facts of pages with the records that they come from.

    ``ledger_of``: the ledger partition of a record's key.
    """

    def __init__(
        self,
        ledger: LedgerStore,
        scoreboard: ScoreboardStore,
        publisher: FactsPublisher,
        *,
        reattribution: Reattribution,
        catalogue: Catalogue,
        clock: Clock,
        ledger_of: Callable[[str], int],
        chance: Random,
    ) -> None:
        self._ledger = ledger
        self._scoreboard = scoreboard
        self._publisher = publisher
        self._reattribution = reattribution
        self._catalogue = catalogue
        self._clock = clock
        self._ledger_of = ledger_of
        self._chance = chance
        self._suspects: dict[RepRef, dict[Location, Micros]] = {}

    async def look_at(self, partition: int, ref: RepRef, *, ledgers: Collection[int], count: int) -> list[Finding]:
        """Some facts of a page of hers at random, and those that were suspect the last time.

        ``ledgers``: partitions of this worker; facts of records elsewhere are left to others. Raises: TransientError.
        """
        before = self._suspects.pop(ref, {})
        if ref[0] not in self._reattribution.in_force().attributions:  # her tenant went while she was listed
            return []
        _, pages = await self._scoreboard.pages(partition, ref)
        wanted = {page for _, page, _ in before} | ({self._chance.choice(pages)} if pages else set())
        found = [held for held in await self._held(partition, ref, sorted(wanted)) if held.ledger in ledgers]
        sample = self._chance.sample(found, min(count, len(found)))
        chosen = [held for held in found if held.location in before or held in sample]
        return [await self._judge(partition, held, before.get(held.location, 0)) for held in chosen]

    async def _held(self, partition: int, ref: RepRef, pages: Sequence[str]) -> list[Held]:
        tenant, subject = ref
        return [
            Held(tenant, (subject, page, fact_id), entry.fact, self._ledger_of(_record_of(tenant, entry.fact)))
            for page, entries in zip(pages, await self._scoreboard.entries(partition, ref, pages), strict=True)
            for fact_id, entry in entries.items()
            if entry.fact is not None
        ]

    async def _judge(self, partition: int, held: Held, since: Micros) -> Finding:
        if not await self._reattribution.is_through(held.ledger):
            return Finding.PENDING
        position, _ = await self._ledger.succession(held.ledger)
        (packed,) = (await self._ledger.read(held.ledger, [held.record])).records
        now = self._clock.now()
        if packed is None and held.fact.at < self._surely_kept_since(held.tenant, now):
            return Finding.EXPIRED
        said = self._said(held, packed)
        if said == held.fact:
            return Finding.SAME
        ref = (held.tenant, held.location[0])
        if not since or await self._scoreboard.mark(partition) <= since + SKEW_US:
            self._suspects.setdefault(ref, {})[held.location] = since or now
            return Finding.SUSPECT
        log.error("audit_difference", kind="pages", partition=partition, record=held.record, keys=list(held.location))
        await self._say(partition, held, said, position)
        return Finding.DIFFERENT

    def _surely_kept_since(self, tenant: str, now: Micros) -> Micros:
        """A record goes with its last statement, which may be long before its last fact: half of the time is safe."""
        return retained_since(self._catalogue.tenants[tenant].retention_days // 2, now)

    def _said(self, held: Held, packed: bytes | None) -> Fact | None:
        if packed is None:
            return None
        attribution = self._reattribution.in_force().attributions[held.tenant]
        located: Mapping[Location, Fact] = attribution.located(held.key, unpack(packed, held.key))
        return located.get(held.location)

    async def _say(self, partition: int, held: Held, said: Fact | None, position: int) -> None:
        """At a position that the record was read after: whatever chunks say from there on supersedes it."""
        subject, page, fact_id = held.location
        entry = PageEntry(Revision(position - 1, self._reattribution.in_force().generation), said)
        batch = FactBatch(0, [FactChange(held.tenant, subject, page, fact_id, entry)], 0, self._publisher.state)
        await self._publisher.publish({partition: [encode_batch(batch)]})


def _record_of(tenant: str, fact: Fact) -> str:
    return f"{tenant}/{fact.source}/{fact.record_type}/{fact.record}"
