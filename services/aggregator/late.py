"""What came to a chunk after the day of its facts was over, kept apart: it is counted after all else, day by day."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date
from typing import TypeAlias

from services.aggregator.domain.counting import Counter, counts
from services.aggregator.domain.pages import Sheet
from services.aggregator.domain.stored import RepRef
from shared.contracts.messages import FactChange
from shared.contracts.restatements import Caused
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


def causes_of(late: Iterable[LateChange], sheet: Sheet) -> Iterator[tuple[date, Caused]]:
    """By local day, each change that is the first of one day's to touch some KPIs' numbers, with their definitions.

    A KPI that has its cause is not asked again: of many changes nearly all cost one look-up.
    """
    waiting: dict[tuple[date, str], list[Counter]] = {}
    for change, old in sorted(late, key=_order):
        for fact in (old, change.entry.fact):
            if fact is None:
                continue
            day = local_day(fact.at, sheet.zone)
            counters = waiting.get((day, fact.kind))
            if counters is None:
                counters = waiting[day, fact.kind] = sheet.counters(fact.kind)
            counting = [counter for counter in counters if counts(counter, fact, day)] if counters else ()
            if counting:
                waiting[day, fact.kind] = [counter for counter in counters if counter not in counting]
                cause = Cause(change.received_at, change.id, change.event, change.entry.revision.position)
                yield day, Caused(cause, [counter.definition for counter in counting])


def _order(late: LateChange) -> tuple[int, int]:
    change = late[0]
    return change.received_at, change.entry.revision.position


def fresh_sheet(sheet: Sheet | None) -> Sheet:
    """An empty one under the same plan. Raises: ValueError for who is no rep."""
    if sheet is None:
        raise ValueError("only a rep's facts can be late")
    return sheet.fresh()


def fresh_facts(late: Iterable[LateChange], money_kinds: Collection[str]) -> list[Fact]:
    """Facts that replace none and of which no amount of money is asked: they are counted together."""
    facts = (change.entry.fact for change, old in late if old is None)
    return [fact for fact in facts if fact is not None and fact.kind not in money_kinds]
