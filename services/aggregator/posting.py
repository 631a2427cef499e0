"""Posts a chunk's page entries: which replace what is there, and what that adds to the rep's cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TypeAlias

from msgspec import Struct

from services.aggregator.domain.lateness import NO_ENDS, closed_cells, day_ends, is_late
from services.aggregator.domain.pages import Accumulators, Folded, Sheet
from services.aggregator.domain.stored import Marks, PageRef, RepRef, ScoreboardCommit
from services.aggregator.late import LateChange, LateChanges, causes_of, fresh_facts, fresh_sheet
from services.aggregator.poison import UNDECODABLE
from services.aggregator.ports import Chunk, Poison, PoisonReason
from shared.contracts.messages import FactBatch, FactChange, decode_batch, decode_entry, encode_cell, encode_entry
from shared.contracts.restatements import cause_field, encode_caused, mark_field, value_fields
from shared.domain.facts import UNMAPPED_PREFIX, Fact
from shared.domain.instants import Micros

MarksKnown: TypeAlias = dict[RepRef, set[str]]
"""Of each rep, fields of marks that are stored already."""
CellCache: TypeAlias = dict[RepRef, dict[str, Accumulators]]
"""Cells by name of each rep, as far as they are known."""


FactRef: TypeAlias = tuple[str, str, str, str]
"""(tenant, subject, page, fact id)."""


class Staged(Struct):
    """A chunk's changes of page entries, of each the greatest revision. ``mark``: the batches' greatest received_at."""

    pages: dict[PageRef, dict[str, FactChange]]
    poison: list[Poison]
    foreign: int = 0
    changes: int = 0
    first_received_at: Micros = 0
    mark: Micros = 0
    heartbeat: Micros = 0


def stage(chunk: Chunk, state: str) -> Staged:
    """Decodes a chunk of fact batches. Another state's are left out: a rebuild may just have mended what they say."""
    staged = Staged({}, [])
    for index, value in enumerate(chunk.values):
        try:
            batch = decode_batch(value)
        except UNDECODABLE as error:
            staged.poison.append(Poison(chunk.first + index, PoisonReason.UNDECODABLE, str(error), value))
            continue
        if batch.state != state:
            staged.foreign += 1
            continue
        staged.changes += len(batch.changes)
        staged.mark = max(staged.mark, batch.received_at)
        staged.heartbeat = max(staged.heartbeat, batch.heartbeat)
        if batch.received_at:
            staged.first_received_at = min(staged.first_received_at or batch.received_at, batch.received_at)
        _take(batch, staged.pages)
    return staged


def _take(batch: FactBatch, pages: dict[PageRef, dict[str, FactChange]]) -> None:
    for change in batch.changes:
        ref = (change.tenant, change.subject, change.page)
        entries = pages.get(ref)
        if entries is None:
            pages[ref] = {change.id: change}
            continue
        known = entries.get(change.id)
        if known is None or change.entry.revision > known.entry.revision:
            entries[change.id] = change


def _superseding(
    changes: Mapping[str, FactChange], held: Sequence[bytes | None]
) -> Iterator[tuple[FactChange, Fact | None]]:
    """Changes with a greater revision than what the page holds, each with the fact that it replaces."""
    for change, packed in zip(changes.values(), held, strict=True):
        if packed is None:
            yield change, None
            continue
        known = decode_entry(packed)
        if known.revision < change.entry.revision:
            yield change, known.fact


class Posting:
    """Turns staged entries into what the store commits.

    ``sheets``: one a rep; who is none has none. ``cache``: cells of the reps, which are changed in place. ``marked``:
    what is marked of them, likewise.
    """

    def __init__(
        self,
        commit: ScoreboardCommit,
        sheets: Mapping[RepRef, Sheet | None],
        cache: CellCache,
        marked: MarksKnown | None = None,
    ) -> None:
        self._commit = commit
        self._cache = cache
        self._marked = {} if marked is None else marked
        self._sheets = sheets
        self._late = LateChanges()
        self.written = 0

    def turn(self, ref: PageRef, changes: Mapping[str, FactChange], held: Sequence[bytes | None]) -> None:
        """Replaces a page's entries by those with a greater revision and counts the difference."""
        sheet = self._sheets.get(ref[:2])
        writing: dict[str, bytes] = {}
        fresh: list[Fact] = []
        ends = NO_ENDS if sheet is None else day_ends(ref[2], sheet.zone)
        for change, old in _superseding(changes, held):
            new = change.entry.fact
            writing[change.id] = encode_entry(change.entry)
            if sheet is None:
                self._park(ref, (new is not None) - (old is not None))
            elif change.received_at >= ends[0] and old != new and is_late(change.received_at, ends, old, new):
                self._late.take(change, old, sheet.zone)
            elif old is None and new is not None and new.kind not in sheet.money_kinds:
                fresh.append(new)  # nearly always; counted together below
            elif old != new:
                self._replace((*ref, change.id), sheet, old, new)
        if fresh and sheet is not None:
            sheet.count(fresh, 1)
        if writing:
            self._commit.pages[ref] = writing
            self.written += len(writing)

    def withdraw(self, ref: PageRef, facts: Mapping[str, Fact]) -> None:
        """Counts facts of a page out again, all as they are held, without a word of them in the page."""
        sheet = self._sheets.get(ref[:2])
        if sheet is None:
            return self._park(ref, -len(facts))
        for fact_id, fact in facts.items():
            self._replace((*ref, fact_id), sheet, fact, None)
        return None

    def close(self) -> None:
        """Writes down the cells that were touched and who changed."""
        for ref, sheet in self._sheets.items():
            if sheet is not None and sheet.is_changed:
                self._commit.changed.add(ref)
                self._close_sheet(ref, sheet)
        for ref, received_on, late in self._late:
            self._close_late(ref, received_on, late)

    def _close_late(self, ref: RepRef, received_on: date, late: Sequence[LateChange]) -> None:
        """Counts what came on one day after the day of its facts was over, and marks the closed cells as they were."""
        sheet = fresh_sheet(self._sheets[ref])
        for change, old in late:
            new = change.entry.fact
            if old is not None or new is None or new.kind in sheet.money_kinds:
                self._replace((*ref, change.page, change.id), sheet, old, new)
        sheet.count(fresh_facts(late, sheet.money_kinds), 1)
        closed = dict.fromkeys(name for day in sheet.days() for name in closed_cells(day, received_on))
        marks = self._commit.marks.setdefault(ref, Marks({}, {}, {})) if closed else Marks({}, {}, {})
        self._mark(ref, {mark_field(received_on, name): name for name in closed}, marks)
        for day, caused in causes_of(late, sheet):
            marks.causes[cause_field(received_on, day, caused.cause)] = encode_caused(caused)
        self._commit.changed.add(ref)
        for (definition, name), deltas in self._close_sheet(ref, sheet).items():
            if name in closed:
                marks.values |= value_fields(received_on, name, definition, deltas)

    def _mark(self, ref: RepRef, fields: Mapping[str, str], marks: Marks) -> None:
        """Cells as they were. One that is marked already stays as it was marked first: it need not be said again."""
        known, marked = self._cache[ref], self._marked.setdefault(ref, set())
        for field, name in fields.items():
            if field not in marked:
                marks.cells[field] = encode_cell(known[name]) if known.get(name) else b""
        marked.update(fields)

    @staticmethod
    def _money(sheet: Sheet, fact: Fact | None) -> str | None:
        return sheet.unconverted(fact) if fact is not None and fact.kind in sheet.money_kinds else None

    def _replace(self, place: FactRef, sheet: Sheet, old: Fact | None, new: Fact | None) -> None:
        if old is not None:
            sheet.count((old,), -1)
        if new is not None:
            sheet.count((new,), 1)
        before, now = self._money(sheet, old), self._money(sheet, new)
        if before != now:
            self._commit.unconverted["/".join(place)] = now

    def _park(self, ref: PageRef, change: int) -> None:
        tenant, subject, _ = ref
        if change and subject.startswith(UNMAPPED_PREFIX):
            owner = f"{tenant}/{subject}"
            self._commit.unmapped[owner] = self._commit.unmapped.get(owner, 0) + change

    def _close_sheet(self, ref: RepRef, sheet: Sheet) -> dict[tuple[str, str], dict[str, int]]:
        """Returns by how many facts each value changed."""
        folded = Folded(self._cache[ref], {})
        names = set()
        for name, tallied in sheet.cells():
            folded.take(name, tallied)
            names.add(name)
        cells = folded.cells
        packed = {name: encode_cell(cells[name]) if cells[name] else None for name in names}
        self._commit.cells.setdefault(ref, {}).update(packed)
        for (definition, name), deltas in folded.values.items():
            values = self._commit.values.setdefault((*ref, definition, name), {})
            for value, delta in deltas.items():
                values[value] = values.get(value, 0) + delta
                if not values[value]:
                    del values[value]
        return folded.values
