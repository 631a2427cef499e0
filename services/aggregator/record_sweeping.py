"""The ledger's daily sweep: records of which nothing was said for ``retention_days`` go, in slices between chunks."""

from __future__ import annotations

from msgspec import Struct

from services.aggregator.domain.ageing import UNSWEPT, Swept, SweptKind
from services.aggregator.domain.record_expiry import outlived
from services.aggregator.domain.stored import RecordsSlice
from services.aggregator.ports import Catalogue, LedgerStore
from services.aggregator.sweep_rounds import SweepRounds
from shared.contracts.records import pack, unpack
from shared.domain.instants import Micros
from shared.domain.records import RecordKey
from shared.errors import TransientError

SLICE_RECORDS = 1_000
"""Some 10 ms of work: as long as a chunk may have to wait for it."""


class LedgerMovedOn(TransientError):
    """Another worker has written to the partition."""

    reason = "moved_on"


class _Round(Struct):
    """A partition's sweep that is under way: as of when, and where to go on in its records."""

    began: Micros
    cursor: int = 0


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
        gone, reduced = self._outlived(found, running.began)
        if (gone or reduced) and not await self._store.expire(partition, found.position, gone, reduced):
            self.void(partition)
            raise LedgerMovedOn("another worker wrote to the partition: look again")
        running.cursor = found.cursor
        counts = {SweptKind.RECORD_EXPIRED: len(gone), SweptKind.RECORD_REDUCED: len(reduced)}
        if found.cursor:
            return Swept(is_more=True, counts=counts)
        await self._rounds.complete(partition, running.began)
        self._running.pop(partition, None)
        return Swept(counts=counts, completed=running.began)

    def void(self, partition: int) -> None:
        """Forgets the partition; a sweep begins again."""
        self._running.pop(partition, None)
        self._rounds.void(partition)

    def _outlived(self, found: RecordsSlice, now: Micros) -> tuple[list[str], dict[str, bytes]]:
        """Keys of records that go, and what becomes of others."""
        gone: list[str] = []
        reduced: dict[str, bytes] = {}
        for text, packed in found.records:
            key = RecordKey.parse(text)
            tenant = self._catalogue.tenants.get(key.tenant)
            if tenant is None:
                continue
            kept = outlived(unpack(packed, key), key, now, retention_days=tenant.retention_days)
            if kept is not None and kept.record is None:
                gone.append(text)
            elif kept is not None and kept.record is not None:
                reduced[text] = pack(kept.record)
        return gone, reduced
