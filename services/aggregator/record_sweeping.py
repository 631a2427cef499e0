"""The ledger's daily sweep, in slices between chunks: records of which nothing was said for a month are squeezed, after
``retention_days`` they go.
"""

from __future__ import annotations

from msgspec import Struct

from services.aggregator.domain.ageing import UNSWEPT, Swept, SweptKind
from services.aggregator.domain.incomplete import IncompleteCounts, lacking
from services.aggregator.domain.record_expiry import is_at_rest, outlived
from services.aggregator.domain.stored import LedgerExpiry, RecordsSlice
from services.aggregator.ports import Catalogue, LedgerStore
from services.aggregator.sweep_rounds import SweepRounds
from shared.contracts.records import pack, squeeze, unpack
from shared.domain.instants import Micros
from shared.domain.records import RecordKey
from shared.errors import TransientError

SLICE_RECORDS = 500
"""Some 10 ms of work: as long as a chunk may have to wait for it."""


class LedgerMovedOn(TransientError):
    """Another worker has written to the partition."""

    reason = "moved_on"


class _Round(Struct):
    """A partition's sweep that is under way: as of when, and where to go on in its records."""

    began: Micros
    cursor: int = 0


class _Aged(Struct):
    """Records of a slice that go, of which little is kept, and that are stored in fewer bytes."""

    gone: list[str]
    reduced: dict[str, bytes]
    squeezed: dict[str, bytes]
    incomplete: IncompleteCounts

    def expiry(self, position: int) -> LedgerExpiry:
        """All of it, for the store."""
        return LedgerExpiry(position, self.gone, self.reduced | self.squeezed, self.incomplete.changes)

    @property
    def is_any(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.gone or self.reduced or self.squeezed)

    def counts(self) -> dict[SweptKind, int]:
        """For metrics."""
        kinds = (SweptKind.RECORD_EXPIRED, SweptKind.RECORD_REDUCED, SweptKind.RECORD_SQUEEZED)
        return dict(zip(kinds, map(len, (self.gone, self.reduced, self.squeezed)), strict=True))


class RecordSweeping:
    """Sweeps the ledger's partitions."""

    def __init__(self, store: LedgerStore, catalogue: Catalogue, rounds: SweepRounds) -> None:
        self._store = store
        self._catalogue = catalogue
        self._rounds = rounds
        self._running: dict[int, _Round] = {}

    async def sweep(self, partition: int) -> Swept:
        """One slice. Raises: TransientError; the slice comes again."""
        running = self._running.get(partition)
        if running is None:
            began = await self._rounds.due(partition)
            if began is None:
                return UNSWEPT
            running = self._running[partition] = _Round(began)
        found = await self._store.scan(partition, running.cursor, SLICE_RECORDS)
        done = self._aged(found, running.began)
        if done.is_any and not await self._store.expire(partition, done.expiry(found.position)):
            self.void(partition)
            raise LedgerMovedOn("another worker wrote to the partition: look again")
        running.cursor = found.cursor
        if found.cursor:
            return Swept(is_more=True, counts=done.counts())
        await self._rounds.complete(partition, running.began)
        self._running.pop(partition, None)
        return Swept(counts=done.counts(), completed=running.began)

    def void(self, partition: int) -> None:
        """Forgets the partition; a sweep begins again."""
        self._running.pop(partition, None)
        self._rounds.void(partition)

    def _aged(self, found: RecordsSlice, now: Micros) -> _Aged:
        """What becomes of some records."""
        aged = _Aged([], {}, {}, IncompleteCounts())
        for text, packed in found.records:
            key = RecordKey.parse(text)
            tenant = self._catalogue.tenants.get(key.tenant)
            if tenant is None:
                continue
            record = unpack(packed, key)
            kept = outlived(record, key, now, retention_days=tenant.retention_days)
            if kept is None:
                if is_at_rest(record, now) and (smaller := squeeze(packed)) != packed:
                    aged.squeezed[text] = smaller
                continue
            aged.incomplete.move(lacking(key, record), lacking(key, kept.record))
            if kept.record is None:
                aged.gone.append(text)
            else:
                aged.reduced[text] = squeeze(pack(kept.record))
        return aged
