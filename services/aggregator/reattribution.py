"""After a change of identities or credit: facts that are published already move to where they belong now.

New chunks follow the rules in force at once. All that was said before is said again by a pass over a partition's
records, in slices between its chunks, at the position that the records are of: it supersedes what was said up to
there, and whatever chunks say from there on supersedes it. A pass that is broken off begins again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from services.aggregator.domain.attribution import Attribution, AttributionRule, Location, moves
from services.aggregator.domain.stored import RecordsSlice
from services.aggregator.domain.succession import Succession, decode_succession, encode_succession
from services.aggregator.ports import Catalogue, FactsPublisher, LedgerStore, Settlement
from shared.contracts.keys import scoreboard_partition
from shared.contracts.messages import FactChange, encode_batches
from shared.contracts.records import unpack
from shared.domain.facts import Fact, PageEntry, Revision
from shared.domain.records import Record, RecordKey
from shared.errors import TransientError

SLICE_RECORDS = 500
"""Some 20 ms of work: as long as a chunk may have to wait for it."""
Attributions: TypeAlias = Mapping[str, Attribution]
"""By tenant."""
Elders: TypeAlias = Mapping[str, Sequence[Attribution]]
"""By tenant, where there are any: attributions whose facts may still be about."""


class Contended(TransientError):
    """Another worker wrote down its rules at the same time."""

    reason = "attribution_contended"


class InForce(Struct, frozen=True):
    """The attributions of a generation of the configuration."""

    generation: int
    attributions: dict[str, Attribution]
    rules: dict[str, AttributionRule]


class _Standing(Struct):
    """A partition's succession as it is stored, and how far the pass has come."""

    stored: bytes
    succession: Succession
    generation: int
    elders: Elders
    cursor: int = 0
    passed: int = 0


class Reattribution:
    """Knows a partition's elders and passes over its records when the rules have changed."""

    def __init__(self, store: LedgerStore, publisher: FactsPublisher, catalogue: Catalogue) -> None:
        self._store = store
        self._publisher = publisher
        self._catalogue = catalogue
        self._standings: dict[int, _Standing] = {}
        self._in_force = InForce(-1, {}, {})

    def in_force(self) -> InForce:
        """The attributions as configured now; the same object until the configuration changes."""
        if self._in_force.generation != self._catalogue.generation:
            rules = {tenant.id: AttributionRule.of(tenant) for tenant in self._catalogue.tenants.values()}
            attributions = {tenant: self._attribution(tenant, rule) for tenant, rule in rules.items()}
            self._in_force = InForce(self._catalogue.generation, attributions, rules)
        return self._in_force

    async def elders(self, partition: int, in_force: InForce, position: int) -> Elders:
        """What chunks from a position on have to reckon with; the rules in force are written down by then.

        Raises: TransientError.
        """
        standing = await self._standing(partition, in_force)
        return standing.elders if standing.succession.elders_at(position) else {}

    async def settle(self, partition: int) -> Settlement:
        """Moves one slice of the records. Raises: TransientError; the slice comes again."""
        in_force = self.in_force()
        standing = await self._standing(partition, in_force)
        succession = standing.succession
        if succession.is_through or in_force.generation < succession.generation:
            return Settlement(
                0, generation=in_force.generation
            )  # who lags behind leaves the pass to who has seen the edit
        if not standing.elders:  # only tenants came or went
            await self._write_down(partition, standing, succession.through())
            return Settlement(0, generation=in_force.generation)
        found = await self._store.scan(partition, standing.cursor, SLICE_RECORDS)
        changes = await self._publish(found, in_force, standing.elders)
        standing.cursor, standing.passed = found.cursor, standing.passed + len(found.records)
        if not found.cursor:
            await self._write_down(partition, standing, succession.through())
        remaining = max(1, found.total - standing.passed) if found.cursor else 0
        return Settlement(remaining, changes, in_force.generation)

    async def is_through(self, partition: int) -> bool:
        """Whether all facts of the partition are said by the rules in force. Raises: TransientError."""
        return (await self._standing(partition, self.in_force())).succession.is_through

    def void(self, partition: int) -> None:
        """Forgets the partition; a pass begins again."""
        self._standings.pop(partition, None)

    def _attribution(self, tenant: str, rule: AttributionRule) -> Attribution:
        partitions = self._publisher.partitions
        return Attribution(tenant, rule, lambda owner, subject: scoreboard_partition(owner, subject, partitions))

    def _elders(self, succession: Succession, in_force: InForce) -> Elders:
        of_tenants = {tenant: succession.elders_of(tenant) for tenant in in_force.rules}
        return {
            tenant: [self._attribution(tenant, rule) for rule in rules] for tenant, rules in of_tenants.items() if rules
        }

    async def _standing(self, partition: int, in_force: InForce) -> _Standing:
        standing = self._standings.get(partition)
        if standing is not None and standing.generation == in_force.generation:
            return standing
        position, stored = await self._store.succession(partition)
        if stored is None:
            known, following = None, Succession(in_force.rules, in_force.generation, position)
        else:
            known = decode_succession(stored)
            following = known.followed_by(in_force.rules, generation=in_force.generation, position=position)
        standing = _Standing(stored or b"", following, in_force.generation, self._elders(following, in_force))
        if following is not known:
            await self._write_down(partition, standing, following)
        self._standings[partition] = standing
        return standing

    async def _write_down(self, partition: int, standing: _Standing, following: Succession) -> None:
        packed = encode_succession(following)
        if not await self._store.succeed(partition, standing.stored, packed):
            self.void(partition)
            raise Contended("another worker wrote down its rules: look again")
        standing.stored, standing.succession = packed, following

    async def _publish(self, found: RecordsSlice, in_force: InForce, elders: Elders) -> int:
        revision = Revision(found.position - 1, in_force.generation)
        batches: dict[int, list[FactChange]] = {}
        count = 0
        for attribution, location, fact in _moved(found.records, in_force.attributions, elders):
            subject, page, fact_id = location
            entry, since = PageEntry(revision, fact), self._catalogue.accepted_at
            change = FactChange(attribution.tenant_id, subject, page, fact_id, entry, since)
            batches.setdefault(attribution.partition(subject), []).append(change)
            count += 1
        if batches:
            state = self._publisher.state
            await self._publisher.publish({to: list(encode_batches(0, said, state)) for to, said in batches.items()})
        return count


def places(attributions: Iterable[Attribution], key: RecordKey, record: Record) -> set[Location]:
    """Every location that one of the attributions gives a fact of the record."""
    return {location for attribution in attributions for location in attribution.located(key, record)}


def _moved(
    records: Sequence[tuple[str, bytes]], attributions: Attributions, elders: Elders
) -> Iterator[tuple[Attribution, Location, Fact | None]]:
    for text, packed in records:
        key = RecordKey.parse(text)
        before = elders.get(key.tenant)
        if before:
            record, attribution = unpack(packed, key), attributions[key.tenant]
            after = attribution.located(key, record)
            changed: dict[Location, Fact | None] = {}
            for elder in before:
                changed |= moves(elder.located(key, record), after)
            for location, fact in changed.items():
                yield attribution, location, fact
