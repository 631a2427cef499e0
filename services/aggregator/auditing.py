"""The self-check: cells against the fold of their pages, and events of the log against records and pages.

It changes nothing itself. What it finds is told, and repaired on the ways that numbers take anyway: a rep is folded
anew between chunks, an event is written to the log once more, with the word that all its record's facts be said again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

import msgspec
import structlog
from msgspec import Struct

from services.aggregator.domain.attribution import Attribution, Location
from services.aggregator.domain.audit import differing, is_retained, retained_since
from services.aggregator.domain.stored import RepRef
from services.aggregator.poison import UNDECODABLE
from services.aggregator.ports import Catalogue, EventsLog, LedgerStore, ScoreboardStore
from services.aggregator.reattribution import Reattribution
from services.aggregator.refolding import Refolding
from shared.contracts.messages import decode_cell, decode_change
from shared.contracts.records import unpack
from shared.domain.accumulators import Accumulator
from shared.domain.changes import RecordChange
from shared.domain.clock import Clock
from shared.domain.facts import Fact
from shared.domain.instants import SECOND_US, Micros
from shared.domain.records import RecordKey

SKEW_US = 5 * SECOND_US
"""How far the clocks of hosts may be apart."""
log = structlog.get_logger()


class Finding(StrEnum):
    """What a look came to."""

    SAME = "same"
    DIFFERENT = "different"
    """Told and on its way to be repaired."""
    SUSPECT = "suspect"
    """Perhaps only on its way through the pipeline: it is looked at again."""
    MOVED = "moved"
    """It changed while it was looked at."""
    PENDING = "pending"
    """It has yet to follow an edit of the configuration."""
    EXPIRED = "expired"
    """Older than what is retained."""


class CellsAudit:
    """Folds a rep's pages and compares with her cells."""

    def __init__(self, store: ScoreboardStore, refolding: Refolding) -> None:
        self._store = store
        self._refolding = refolding

    async def reps(self, partition: int) -> list[RepRef]:
        """Who can be looked at. Raises: TransientError."""
        return await self._refolding.reps(partition)

    async def look_at(self, partition: int, ref: RepRef) -> Finding:
        """One rep. Raises: TransientError."""
        version = (await self._store.counted(partition, ref, ())).version
        fold = await self._refolding.fold(partition, ref)
        if fold is None:
            return Finding.PENDING
        counted = await self._store.counted(partition, ref, fold.refold.gone)
        if counted.version != version:
            return Finding.MOVED
        wrong = differing(_decoded(fold.refold.cells), _decoded(counted.cells), fold.refold, counted)
        if not wrong:
            return Finding.SAME
        log.error("audit_difference", kind="cells", partition=partition, rep="/".join(ref), keys=wrong)
        await self._refolding.suspect(partition, ref)
        return Finding.DIFFERENT


class Suspect(Struct, frozen=True):
    """An event of the log, and since when its record or facts are not as they have to be; 0: it is new."""

    change: RecordChange
    since: Micros = 0


class LogAudit:
    """Compares events of the log with the records and pages that they must have come to."""

    def __init__(
        self,
        events: EventsLog,
        ledger: LedgerStore,
        scoreboard: ScoreboardStore,
        *,
        reattribution: Reattribution,
        catalogue: Catalogue,
        clock: Clock,
    ) -> None:
        self._events = events
        self._ledger = ledger
        self._scoreboard = scoreboard
        self._reattribution = reattribution
        self._catalogue = catalogue
        self._clock = clock
        self._suspects: dict[int, list[Suspect]] = {}

    async def look_at(self, partition: int, applied: int, count: int) -> list[Finding]:
        """Some events from anywhere before the offset ``applied``, and those that were suspect the last time.

        Raises: TransientError.
        """
        if not await self._reattribution.is_through(partition):
            return [Finding.PENDING]
        sample = self._decoded(await self._events.sample(partition, before=applied, count=count))
        known = self._reattribution.in_force().attributions
        looked_at = [s for s in (*self._suspects.pop(partition, ()), *sample) if s.change.tenant in known]
        stored = (await self._ledger.read(partition, [suspect.change.key for suspect in looked_at])).records
        return [
            await self._judge(partition, suspect, packed) for suspect, packed in zip(looked_at, stored, strict=True)
        ]

    def void(self, partition: int) -> None:
        """The partition is no longer ours."""
        self._suspects.pop(partition, None)

    @staticmethod
    def _decoded(values: Iterable[bytes]) -> Iterator[Suspect]:
        for value in values:
            try:
                yield Suspect(decode_change(value))
            except UNDECODABLE:  # the ledger has put it into quarantine
                continue

    async def _judge(self, partition: int, suspect: Suspect, packed: bytes | None) -> Finding:
        change, now = suspect.change, self._clock.now()
        since = retained_since(self._catalogue.tenants[change.tenant].retention_days, now)
        if packed is None and change.occurred_at < since:
            return Finding.EXPIRED
        wrong, is_through = await self._wrong(suspect, packed, since)
        if not wrong:
            return Finding.SAME
        if not suspect.since or not is_through:
            self._suspects.setdefault(partition, []).append(Suspect(change, suspect.since or now))
            return Finding.SUSPECT
        log.error("audit_difference", kind="log", partition=partition, record=change.key, keys=wrong)
        await self._events.write_again(partition, msgspec.structs.replace(change, again=True))
        return Finding.DIFFERENT

    async def _wrong(self, suspect: Suspect, packed: bytes | None, since: Micros) -> tuple[list[str], bool]:
        """What is missing or other than it has to be, and whether it can no longer be on its way."""
        change = suspect.change
        key = RecordKey.of(change)
        if packed is None:
            return [change.key], True
        record = unpack(packed, key)
        if record.merge(change):  # of a record that has outlived its facts only the fate is kept
            return [] if change.occurred_at < since else [change.key], True
        attribution = self._reattribution.in_force().attributions[change.tenant]
        located = attribution.located(key, record)
        kept = {place: fact for place, fact in located.items() if is_retained(fact, since=since)}
        return await self._not_in_pages(attribution, kept, through=suspect.since + SKEW_US)

    async def _not_in_pages(
        self, attribution: Attribution, located: Mapping[Location, Fact], *, through: Micros
    ) -> tuple[list[str], bool]:
        wrong, is_through = [], True
        for (subject, page, fact_id), fact in located.items():
            partition = attribution.partition(subject)
            (held,) = await self._scoreboard.entries(partition, (attribution.tenant_id, subject), [page])
            if fact_id not in held or held[fact_id].fact != fact:
                wrong.append(f"{subject}/{page}/{fact_id}")
                is_through = is_through and await self._scoreboard.mark(partition) > through
        return wrong, is_through


def _decoded(cells: Mapping[str, bytes]) -> dict[str, dict[str, Accumulator] | None]:
    """None is a cell that cannot be read, which equals nothing."""
    decoded: dict[str, dict[str, Accumulator] | None] = {}
    for name, packed in cells.items():
        try:
            decoded[name] = decode_cell(packed)
        except msgspec.MsgspecError:
            decoded[name] = None
    return decoded
