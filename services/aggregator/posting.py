"""Posts a chunk's page entries: which replace what is there, and what that adds to the rep's cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from services.aggregator.domain.pages import Accumulators, Folded, Sheet
from services.aggregator.domain.stored import PageRef, RepRef, ScoreboardCommit
from services.aggregator.poison import UNDECODABLE
from services.aggregator.ports import Chunk, Poison, PoisonReason
from shared.contracts.messages import FactBatch, decode_batch, decode_entry, encode_cell, encode_entry
from shared.domain.facts import UNMAPPED_PREFIX, Fact, PageEntry
from shared.domain.instants import Micros

CellCache: TypeAlias = dict[RepRef, dict[str, Accumulators]]
"""Cells by name of each rep, as far as they are known."""


FactRef: TypeAlias = tuple[str, str, str, str]
"""(tenant, subject, page, fact id)."""


class Staged(Struct):
    """A chunk's page entries, of each the greatest revision. ``mark`` is the greatest received_at of its batches."""

    pages: dict[PageRef, dict[str, PageEntry]]
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
            staged.poison.append(Poison(chunk.start + index, PoisonReason.UNDECODABLE, str(error), value))
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


def _take(batch: FactBatch, pages: dict[PageRef, dict[str, PageEntry]]) -> None:
    for change in batch.changes:
        ref = (change.tenant, change.subject, change.page)
        entries = pages.get(ref)
        if entries is None:
            pages[ref] = {change.id: change.entry}
            continue
        known = entries.get(change.id)
        if known is None or change.entry.revision > known.revision:
            entries[change.id] = change.entry


def _superseding(
    entries: Mapping[str, PageEntry], held: Sequence[bytes | None]
) -> Iterator[tuple[str, PageEntry, Fact | None]]:
    """Entries with a greater revision than what the page holds, each with the fact that it replaces."""
    for (fact_id, entry), packed in zip(entries.items(), held, strict=True):
        if packed is None:
            yield fact_id, entry, None
            continue
        known = decode_entry(packed)
        if known.revision < entry.revision:
            yield fact_id, entry, known.fact


class Posting:
    """Turns staged entries into what the store commits.

    ``sheets``: one a rep; who is none has none. ``cache``: cells of the reps, which are changed in place.
    """

    def __init__(self, commit: ScoreboardCommit, sheets: Mapping[RepRef, Sheet | None], cache: CellCache) -> None:
        self._commit = commit
        self._cache = cache
        self._sheets = sheets
        self.written = 0

    def turn(self, ref: PageRef, entries: Mapping[str, PageEntry], held: Sequence[bytes | None]) -> None:
        """Replaces a page's entries by those with a greater revision and counts the difference."""
        sheet = self._sheets.get(ref[:2])
        writing: dict[str, bytes] = {}
        fresh: list[Fact] = []
        for fact_id, entry, old in _superseding(entries, held):
            new = entry.fact
            writing[fact_id] = encode_entry(entry)
            if sheet is None:
                self._park(ref, (new is not None) - (old is not None))
            elif old is None and new is not None and new.kind not in sheet.money_kinds:
                fresh.append(new)  # nearly always; counted together below
            elif old != new:
                self._replace((*ref, fact_id), sheet, old, new)
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

    def _close_sheet(self, ref: RepRef, sheet: Sheet) -> None:
        folded = Folded(self._cache[ref], {})
        names = set()
        for name, tallied in sheet.cells():
            folded.take(name, tallied)
            names.add(name)
        cells = folded.cells
        self._commit.cells[ref] = {name: encode_cell(cells[name]) if cells[name] else None for name in names}
        for (definition, name), deltas in folded.values.items():
            values = {value: delta for value, delta in deltas.items() if delta}
            if values:
                self._commit.values[(*ref, definition, name)] = values
