"""Posts a chunk's page entries: which replace what is there, and what that adds to the rep's cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from services.aggregator.domain.pages import Sheet
from services.aggregator.poison import UNDECODABLE
from services.aggregator.ports import Chunk, PageRef, Poison, PoisonReason, RepRef, ScoreboardCommit
from shared.contracts.messages import FactBatch, decode_batch, decode_entry, encode_cell, encode_entry
from shared.domain.facts import UNMAPPED_PREFIX, Fact, PageEntry
from shared.domain.instants import Micros


class Staged(Struct):
    """A chunk's page entries, of each the greatest revision. ``mark`` is the greatest received_at of its batches."""

    pages: dict[PageRef, dict[str, PageEntry]]
    poison: list[Poison]
    changes: int = 0
    first_received_at: Micros = 0
    mark: Micros = 0


def stage(chunk: Chunk) -> Staged:
    """Decodes a chunk of fact batches."""
    staged = Staged({}, [])
    for index, value in enumerate(chunk.values):
        try:
            batch = decode_batch(value)
        except UNDECODABLE as error:
            staged.poison.append(Poison(chunk.start + index, PoisonReason.UNDECODABLE, str(error), value))
            continue
        staged.changes += len(batch.changes)
        staged.mark = max(staged.mark, batch.received_at)
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


class Posting:
    """Turns staged entries into what the store commits. ``sheets``: None for a subject who is no rep."""

    def __init__(self, commit: ScoreboardCommit, sheets: Mapping[RepRef, Sheet | None]) -> None:
        self._commit = commit
        self._sheets = sheets
        self.written = 0

    def turn(self, ref: PageRef, entries: Mapping[str, PageEntry], held: Sequence[bytes | None]) -> None:
        """Replaces a page's entries by those with a greater revision and counts the difference."""
        sheet = self._sheets[ref[:2]]
        writing: dict[str, bytes] = {}
        for (fact_id, entry), packed in zip(entries.items(), held, strict=True):
            old = None
            if packed is not None:
                known = decode_entry(packed)
                if known.revision >= entry.revision:
                    continue
                old = known.fact
            writing[fact_id] = encode_entry(entry)
            new = entry.fact
            if sheet is None:
                self._park(ref, (new is not None) - (old is not None))
            elif old is None and new is not None:  # nearly always: a fact that is new
                sheet.count(new, 1)
                self._list(ref, fact_id, sheet.unconverted(new), None)
            elif old != new:
                self._replace(ref, fact_id, old, new)
        if writing:
            self._commit.pages[ref] = writing
            self.written += len(writing)

    def close(self) -> None:
        """Writes down the cells that were touched and who changed."""
        for ref, sheet in self._sheets.items():
            if sheet is not None and sheet.is_changed:
                self._commit.changed.add(ref)
                self._close_sheet(ref, sheet)

    def _replace(self, ref: PageRef, fact_id: str, old: Fact | None, new: Fact | None) -> None:
        sheet = self._sheets[ref[:2]]
        if sheet is None:
            return
        if old is not None:
            sheet.count(old, -1)
        if new is not None:
            sheet.count(new, 1)
        before = None if old is None else sheet.unconverted(old)
        self._list(ref, fact_id, None if new is None else sheet.unconverted(new), before)

    def _park(self, ref: PageRef, change: int) -> None:
        tenant, subject, _ = ref
        if change and subject.startswith(UNMAPPED_PREFIX):
            owner = f"{tenant}/{subject}"
            self._commit.unmapped[owner] = self._commit.unmapped.get(owner, 0) + change

    def _list(self, ref: PageRef, fact_id: str, currency: str | None, before: str | None) -> None:
        if currency != before:
            self._commit.unconverted[f"{'/'.join(ref)}/{fact_id}"] = currency

    def _close_sheet(self, ref: RepRef, sheet: Sheet) -> None:
        cells = self._commit.cells.setdefault(ref, {})
        for name, cell in sheet.touched.items():
            if sheet.shrunk:
                cell.drop_zeros()
            cells[name] = encode_cell(cell.accumulators) if cell.accumulators else None
            for definition, deltas in cell.values.items():
                values = {value: delta for value, delta in deltas.items() if delta}
                if values:
                    self._commit.values[(*ref, definition, name)] = values
