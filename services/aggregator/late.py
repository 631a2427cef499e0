"""What came to a chunk after the day of its facts was over, kept apart: it is counted after all else, day by day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import TypeAlias

from services.aggregator.domain.pages import Sheet
from services.aggregator.domain.stored import RepRef
from shared.contracts.messages import FactChange
from shared.domain.facts import Fact
from shared.domain.periods import local_day
from shared.domain.restatements import Cause

LateChange: TypeAlias = tuple[FactChange, Fact | None]
"""A change with the fact that it replaces."""


class LateChanges:
    """By rep, and by the day on her wall when they were received."""

    def __init__(self) -> None:
        self._found: dict[RepRef, dict[date, list[LateChange]]] = {}

    def take(self, change: FactChange, old: Fact | None, zone: str) -> None:
        """Takes up one change."""
        by_day = self._found.setdefault((change.tenant, change.subject), {})
        by_day.setdefault(local_day(change.received_at, zone), []).append((change, old))

    def __iter__(self) -> Iterator[tuple[RepRef, date, list[LateChange]]]:
        """Each rep's, the days in order."""
        for ref, by_day in self._found.items():
            for received_on in sorted(by_day):
                yield ref, received_on, by_day[received_on]


def causes_of(late: Iterable[LateChange], sheet: Sheet) -> dict[tuple[date, str], Cause]:
    """By local day and definition, the first of one day's changes that may have changed the number."""
    causes: dict[tuple[date, str], Cause] = {}
    for change, old in sorted(late, key=lambda each: (each[0].received_at, each[0].entry.revision)):
        cause = None
        for fact in (old, change.entry.fact):
            if fact is None:
                continue
            day = local_day(fact.at, sheet.zone)
            for definition in sheet.definitions(fact, day):
                if (day, definition) not in causes:
                    cause = cause or Cause(change.received_at, change.id, change.event, change.entry.revision.position)
                    causes[day, definition] = cause
    return causes


def fresh_sheet(sheet: Sheet | None) -> Sheet:
    """An empty one under the same plan. Raises: ValueError for who is no rep."""
    if sheet is None:
        raise ValueError("only a rep's facts can be late")
    return sheet.fresh()
