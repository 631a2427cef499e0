"""The ledger: chunks of record changes in, differences of facts out (architecture section 2).

A crash between publishing and the commit replays the log, perhaps cut into other chunks. That converges because what
is published for a location (subject, page, fact id) is always its state right after some event of the log, under that
event's position as revision: a location that an event touched on the way is published even if later events of the
chunk brought it back to where it was.
"""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from services.aggregator.domain.ageing import UNSWEPT, Swept
from services.aggregator.domain.arrivals import Arrivals, by_hour
from services.aggregator.domain.attribution import Attribution, Location, moves
from services.aggregator.domain.incomplete import IncompleteCounts, lacking
from services.aggregator.domain.lateness import may_be_late
from services.aggregator.domain.stored import LedgerCommit
from services.aggregator.poison import UNDECODABLE, PoisonKeeper
from services.aggregator.ports import (
    Catalogue,
    Chunk,
    FactsPublisher,
    Fenced,
    Handled,
    LedgerStore,
    Poison,
    PoisonReason,
    Settlement,
)
from services.aggregator.reattribution import Attributions, Elders, InForce, Reattribution, places
from services.aggregator.record_sweeping import RecordSweeping
from services.aggregator.sweep_rounds import SweepRounds
from shared.contracts.heartbeats import NOBODY
from shared.contracts.messages import FactBatch, FactChange, decode_change, encode_batch, encode_batches
from shared.contracts.records import pack, pack_single, unpack
from shared.domain.changes import EARLIEST_AT, IMPORTED, LATEST_AT, RecordChange
from shared.domain.derivation import only_fact
from shared.domain.facts import Fact, PageEntry, Revision, utc_day
from shared.domain.instants import HOUR_US, Micros
from shared.domain.records import DEAL, Record, RecordKey

Positioned = tuple[int, RecordChange]


class _Sorted(Struct):
    """A chunk's messages by record, in the order of the log within each."""

    by_key: dict[str, list[Positioned]]
    sources: dict[str, Micros]
    poison: list[Poison]
    received: Counter[tuple[str, int]]
    first_received_at: Micros = 0
    mark: Micros = 0
    heartbeats: int = 0
    heartbeat: Micros = 0

    def admits(self, change: RecordChange, chunk: Chunk, position: int, known: Attributions) -> bool:
        """Whether an unusual change is an event all the same; else it is kept as a heartbeat or as poison."""
        if change.tenant == NOBODY:
            self.heartbeats += 1
            self.heartbeat = max(self.heartbeat, change.received_at)
            return False
        reason = _unusable(change, known)
        if reason is not None:
            self.poison.append(_poison(chunk, position, reason, change.key))
        return reason is None


class Ledger:
    """The use case; one per worker, for all its crm.events partitions."""

    def __init__(
        self,
        store: LedgerStore,
        publisher: FactsPublisher,
        *,
        poison: PoisonKeeper,
        catalogue: Catalogue,
        rounds: SweepRounds | None = None,
    ) -> None:
        """``rounds`` None: nothing is ever swept."""
        self._store = store
        self._publisher = publisher
        self._poison = poison
        self.reattribution = Reattribution(store, publisher, catalogue)
        self._sweeping = None if rounds is None else RecordSweeping(store, catalogue, rounds)

    async def handle(self, chunk: Chunk) -> Handled:
        """Merges a chunk, publishes what it changes and commits. See ChunkHandler."""
        in_force = self.reattribution.in_force()
        elders = await self.reattribution.elders(chunk.partition, in_force, chunk.position)
        sorted_in = _sort(chunk, in_force.attributions)
        keys = list(sorted_in.by_key)
        held = await self._store.read(chunk.partition, keys)
        found = Fenced.at(held.next_offset, chunk)
        if found is not Fenced.APPLIED:  # facts of records as they were at another offset must not be published at all
            return Handled(found, messages=len(chunk.values))
        await self._poison.keep(chunk, sorted_in.poison)
        folding = _Folding(in_force, elders)
        for key, events, packed in zip(keys, sorted_in.by_key.values(), held.records, strict=True):
            folding.fold(key, events, packed)
        await self._publish(chunk.partition, sorted_in, folding.batches)
        outcome = await self._store.commit(
            chunk.partition,
            LedgerCommit(
                chunk.start,
                chunk.next_offset,
                folding.records,
                sorted_in.sources,
                sorted_in.mark,
                folding.incomplete.changes,
                Arrivals(sorted_in.received, folding.repeated),
            ),
        )
        return _handled(chunk, outcome, sorted_in, folding)

    async def _publish(self, partition: int, sorted_in: _Sorted, batches: dict[int, list[FactChange]]) -> None:
        """What a chunk says of facts, and its heartbeat, which goes to one partition of the next stage."""
        received_at, state = sorted_in.first_received_at, self._publisher.state
        messages = {to: list(encode_batches(received_at, changes, state)) for to, changes in batches.items()}
        if sorted_in.heartbeat:
            beat = encode_batch(FactBatch(0, [], sorted_in.heartbeat, state))
            messages.setdefault(partition % self._publisher.partitions, []).append(beat)
        if messages:
            await self._publisher.publish(messages)

    async def settle(self, partition: int) -> Settlement:
        """Moves a slice of the facts that a change of identities or credit concerns. See ChunkHandler."""
        return await self.reattribution.settle(partition)

    async def sweep(self, partition: int) -> Swept:
        """Removes a slice of the records that are too old, once a day. See ChunkHandler."""
        return UNSWEPT if self._sweeping is None else await self._sweeping.sweep(partition)

    def void(self, partition: int) -> None:
        """Forgets under which rules the partition was; records are read anew for each chunk."""
        self.reattribution.void(partition)
        if self._sweeping is not None:
            self._sweeping.void(partition)


def _sort(chunk: Chunk, known: Attributions) -> _Sorted:
    """Decodes and groups by record. One loop over every event: locals instead of attributes are worth 10 %."""
    found = _Sorted({}, {}, [], Counter())
    by_key = found.by_key
    arrived: dict[str, list[Micros]] = {}
    first_received_at = 0
    for position, value in enumerate(chunk.values, chunk.position):
        try:
            change = decode_change(value)
        except UNDECODABLE as error:
            found.poison.append(_poison(chunk, position, PoisonReason.UNDECODABLE, str(error)))
            continue
        tenant = change.tenant
        received_at = change.received_at
        if (
            tenant not in known or change.times or not EARLIEST_AT <= change.occurred_at < received_at <= LATEST_AT
        ) and not found.admits(change, chunk, position, known):
            continue
        source = f"{tenant}/{change.source}"
        key = f"{source}/{change.record_type}/{change.record}"
        events = by_key.get(key)
        if events is None:
            by_key[key] = [(position, change)]
        else:
            events.append((position, change))
        if not change.delivery.startswith(IMPORTED):
            times = arrived.get(source)
            if times is None:
                arrived[source] = [received_at]
            else:
                times.append(received_at)
        if received_at < first_received_at or not first_received_at:
            first_received_at = received_at
    found.sources, found.received = {source: max(times) for source, times in arrived.items()}, by_hour(arrived)
    found.first_received_at, found.mark = first_received_at, max(found.sources.values(), default=0)
    return found


def _unusable(change: RecordChange, known: Attributions) -> PoisonReason | None:
    if not change.has_possible_times:
        return PoisonReason.IMPOSSIBLE_TIME
    return None if change.tenant in known else PoisonReason.UNKNOWN_TENANT


class _Folding:
    """What a chunk does to its records, and the messages that say so."""

    def __init__(self, in_force: InForce, elders: Elders) -> None:
        self._attributions = in_force.attributions
        self._generation = in_force.generation
        self._elders = elders
        self.records: dict[str, bytes] = {}
        self.batches: dict[int, list[FactChange]] = {}
        self.incomplete = IncompleteCounts()
        self.repeated: Counter[tuple[str, int]] = Counter()
        self.unchanged = 0
        self.changes = 0

    def fold(self, key: str, events: list[Positioned], packed: bytes | None) -> None:
        """Takes up the chunk's events of one record."""
        if len(events) == 1:
            position, change = events[0]
            if packed is None and change.record_type != DEAL and change.tenant not in self._elders:
                self._fold_only(key, position, change)
                return
            if packed is not None and packed == pack_single(change) and not change.again:
                self._repeat(change)
                return
        self._fold_all(key, events, packed)

    def _fold_only(self, key: str, position: int, change: RecordChange) -> None:
        """Nine records in ten: nothing known yet and one event now. No Record is built, nothing compared."""
        self.records[key] = pack_single(change)
        if change.missing:
            self.incomplete.move((), lacking(RecordKey.of(change), Record.of(change)))
        fact = only_fact(change)
        if fact is not None:
            attribution = self._attributions[change.tenant]
            subject = attribution.subject(fact.source, fact.owner)
            fact_id = f"{key[len(change.tenant) + 1 :]}#{change.verb}"
            cause = change if may_be_late(fact.at, change.received_at) else None
            self._say(attribution, (subject, utc_day(fact.at), fact_id), position, fact, cause)

    def _fold_all(self, key: str, events: list[Positioned], packed: bytes | None) -> None:
        first = events[0][1]
        attribution = self._attributions[first.tenant]
        identity = RecordKey.of(first)
        record = None if packed is None else unpack(packed, identity)
        before: dict[Location, Fact] = {} if record is None else attribution.located(identity, record)
        lacked = list(lacking(identity, record))
        elders = self._elders.get(first.tenant, ())
        haunted = set() if record is None else places(elders, identity, record)
        said: dict[Location, tuple[int, RecordChange, Fact | None]] = {}
        news = 0
        for position, change in events:
            if record is None:
                record = Record.of(change)
            elif not record.merge(change) and not change.again:
                self._repeat(change)
                continue
            news += 1
            after = attribution.located(identity, record)
            if elders:  # whoever handled this event under their rules said something there, or took back what is ours
                left, haunted = haunted, places(elders, identity, record)
                said.update((place, (position, change, after.get(place))) for place in left | haunted | after.keys())
            for location, fact in (moves(before, after) | (after if change.again else {})).items():
                said[location] = (position, change, fact)
            before = after
        self.incomplete.move(lacked, lacking(identity, record))
        if record is not None and news:
            self.records[key] = pack_single(first) if packed is None and news == 1 else pack(record)
        for location, (position, change, fact) in said.items():
            self._say(attribution, location, position, fact, change)

    def _repeat(self, change: RecordChange) -> None:
        """An event that says nothing new."""
        self.unchanged += 1
        if not change.delivery.startswith(IMPORTED):
            self.repeated[f"{change.tenant}/{change.source}", change.received_at // HOUR_US] += 1

    def _say(
        self, attribution: Attribution, location: Location, position: int, fact: Fact | None, cause: RecordChange | None
    ) -> None:
        """``cause``: the event, where the fact may lie in a period that was closed when it was received."""
        subject, page, fact_id = location
        entry = PageEntry(Revision(position, self._generation), fact)
        partition = attribution.partition(subject)
        batch = self.batches.get(partition)
        if batch is None:
            batch = self.batches[partition] = []
        if cause is None:
            batch.append(FactChange(attribution.tenant_id, subject, page, fact_id, entry))
        else:
            late = (cause.received_at, cause.event)
            batch.append(FactChange(attribution.tenant_id, subject, page, fact_id, entry, *late))
        self.changes += 1


def _poison(chunk: Chunk, position: int, reason: PoisonReason, detail: str) -> Poison:
    index = position - chunk.position
    return Poison(chunk.first + index, reason, detail, chunk.values[index])


def _handled(chunk: Chunk, outcome: Fenced, sorted_in: _Sorted, folding: _Folding) -> Handled:
    return Handled(
        outcome,
        messages=len(chunk.values),
        poisoned=len(sorted_in.poison),
        unchanged=folding.unchanged,
        changes=folding.changes,
        received_at=sorted_in.first_received_at,
        heartbeats=sorted_in.heartbeats,
        heartbeat=sorted_in.heartbeat,
    )
