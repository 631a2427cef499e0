"""How many records miss a field that the CRM has but did not tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shared.domain.records import Record, RecordKey


class IncompleteCounts:
    """What some work changes in the numbers of records, by ``tenant/source/record type/field``."""

    def __init__(self) -> None:
        self.changes: dict[str, int] = {}

    def move(self, before: Iterable[str], after: Iterable[str]) -> None:
        """One record lacked ``before`` and lacks ``after``. A field that it lacks still changes nothing."""
        for lacks, change in ((before, -1), (after, 1)):
            for field in lacks:
                self._add(field, change)

    def _add(self, field: str, change: int) -> None:
        left = self.changes.pop(field, 0) + change
        if left:
            self.changes[field] = left


def lacking(key: RecordKey, record: Record | None) -> Iterator[str]:
    """The fields that a record lacks, as they are counted; nobody asks about one that is gone."""
    if record is None or not record.missing or record.is_gone:
        return iter(())
    return (f"{key.tenant}/{key.source}/{key.record_type}/{name}" for name in sorted(record.missing))
