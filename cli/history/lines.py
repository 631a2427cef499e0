r"""Lines of a file of native events, one at a time: JSON objects, or rows of a CSV table.

In a CSV table all is text. An empty cell says nothing; what begins with a backslash is no plain text: ``\null`` clears
a field, ``\true`` and ``\false`` are booleans, and ``\\`` begins a text that begins with a backslash.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from enum import StrEnum
from typing import BinaryIO

from msgspec import Struct

from services.ingest.domain.json_values import Json, JsonObject
from services.ingest.domain.refusals import Refused
from services.ingest.domain.strict_json import split
from shared.errors import ConfigurationError

MAX_LINE_BYTES = 1_048_576
"""As much as a webhook may hold by default; a longer line is no event."""
COLUMNS = frozenset({"id", "type", "rep", "occurred_at", "record", "url"})
REQUIRED = ("id", "type", "occurred_at")
FIELD_PREFIX = "fields."
_LITERALS: dict[str, Json] = {"\\null": None, "\\true": True, "\\false": False}
_BOM = b"\xef\xbb\xbf"


class Form(StrEnum):
    """How events are written down."""

    JSON_LINES = "jsonl"
    CSV = "csv"


class FileUnusable(ConfigurationError):
    """The file as a whole cannot be read as events; the message says what to do."""

    reason = "file_unusable"


class Unreadable(Struct, frozen=True):
    """Why a line is no event at all, and what to do."""

    reason: str
    remedy: str


class Line(Struct, frozen=True):
    """One event as it is written: the number of its first line from 1, its bytes, and what they say."""

    number: int
    raw: bytes
    value: JsonObject | Unreadable


def form_of(stream: BinaryIO) -> Form:
    """Told by the first character; the stream is at its start again. Raises: FileUnusable."""
    start = stream.read(4096).removeprefix(_BOM).lstrip()
    stream.seek(0)
    if not start:
        raise FileUnusable("the file is empty: there is nothing to import")
    if start.startswith(b"["):
        raise FileUnusable(
            "the file is one JSON array: write one event a line (JSON lines), without brackets and commas"
        )
    return Form.JSON_LINES if start.startswith(b"{") else Form.CSV


def lines_of(stream: BinaryIO, form: Form) -> Iterator[Line]:
    """Every event of the file; blank lines are none. Raises: FileUnusable for a table's wrong head."""
    return _json_lines(stream) if form is Form.JSON_LINES else _rows(stream)


def _json_lines(stream: BinaryIO) -> Iterator[Line]:
    for number, raw, too_long in _bounded(stream):
        if too_long:
            yield Line(number, raw, _too_long())
        elif raw.strip():
            yield Line(number, raw, _object(raw))


def _bounded(stream: BinaryIO) -> Iterator[tuple[int, bytes, bool]]:
    """Lines with their numbers; of one that is too long only the beginning, and its rest is passed over."""
    number = 0
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if number == 1:
            raw = raw.removeprefix(_BOM)
        too_long = len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n")
        rest = raw
        while too_long and rest and not rest.endswith(b"\n"):
            rest = stream.readline(MAX_LINE_BYTES)
        yield number, raw, too_long


def _object(raw: bytes) -> JsonObject | Unreadable:
    try:
        elements = split(raw, max_batch=1)
    except Refused as refused:
        return Unreadable("malformed_line", f"{refused.detail}; write one JSON object a line")
    value = elements[0].value if elements else None
    if not isinstance(value, dict) or not raw.lstrip().startswith(b"{"):
        return Unreadable("not_an_object", "write one JSON object a line")
    return value


class _Texts:
    """The lines of a table as text, with the bytes of those that the row at hand was read from."""

    def __init__(self, stream: BinaryIO) -> None:
        self._lines = _bounded(stream)
        self._taken: list[bytes] = []
        self._cut = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        _, raw, too_long = next(self._lines)
        self._taken.append(raw)
        self._cut = self._cut or too_long
        return raw.decode("utf-8", "surrogateescape")

    def taken(self) -> tuple[bytes, bool]:
        """What was read since the last time, and whether something of it is missing."""
        taken, cut = b"".join(self._taken), self._cut
        self._taken, self._cut = [], False
        return taken, cut


def _rows(stream: BinaryIO) -> Iterator[Line]:
    """Rows under a head. Raises: FileUnusable."""
    texts = _Texts(stream)
    reader = csv.reader(texts, strict=True)
    csv.field_size_limit(MAX_LINE_BYTES)
    head = _head(_first(reader))
    texts.taken()
    while True:
        number = reader.line_num + 1
        try:
            row = next(reader, None)
            value = None if row is None else _event(head, row)
        except csv.Error as error:
            row, value = [], Unreadable("malformed_row", f"{error}; check its quotes and commas")
        raw, cut = texts.taken()
        if value is None:
            return
        if row or (isinstance(value, Unreadable) and raw.strip()):
            yield Line(number, raw, _too_long() if cut else value)


def _first(reader: Iterator[list[str]]) -> list[str]:
    try:
        return next(reader, [])
    except csv.Error as error:
        raise FileUnusable(f"line 1: {error}; the first line names the columns") from None


def _head(head: list[str]) -> list[str]:
    named = [name.strip() for name in head]
    if len(named) == 1 and ";" in named[0]:
        raise FileUnusable("line 1: columns are separated by commas: save the table with commas")
    unknown = [n for n in named if n not in COLUMNS and not (n.startswith(FIELD_PREFIX) and n != FIELD_PREFIX)]
    if unknown:
        known = f"{', '.join(sorted(COLUMNS))} and fields.NAME"
        raise FileUnusable(f"line 1: no event has a column {unknown[0]!r}: the columns are {known}")
    if missing := [name for name in REQUIRED if name not in named]:
        raise FileUnusable(f"line 1: the column {missing[0]!r} is missing: every event needs {', '.join(REQUIRED)}")
    if twice := [name for name in named if named.count(name) > 1]:
        raise FileUnusable(f"line 1: the column {twice[0]!r} is there twice: remove one")
    return named


def _event(head: list[str], row: list[str]) -> JsonObject | Unreadable:
    if len(row) != len(head):
        return Unreadable("wrong_number_of_cells", f"it has {len(row)} cells, the head has {len(head)}: quote commas")
    event: JsonObject = {}
    fields: JsonObject = {}
    for name, cell in zip(head, row, strict=True):
        if not cell:
            continue
        value = _cell(cell)
        if isinstance(value, Unreadable):
            return Unreadable(value.reason, f"{name}: {value.remedy}")
        if name.startswith(FIELD_PREFIX):
            fields[name.removeprefix(FIELD_PREFIX)] = value
        else:
            event[name] = value
    return {**event, "fields": fields} if fields else event


def _cell(cell: str) -> Json | Unreadable:
    if not cell.isascii() and any("\ud800" <= character <= "\udfff" for character in cell):
        return Unreadable("invalid_text", "it is not UTF-8: save the table as UTF-8")
    if not cell.startswith("\\"):
        return cell
    if cell in _LITERALS:
        return _LITERALS[cell]
    if cell.startswith("\\\\"):
        return cell[1:]
    return Unreadable("unknown_literal", "after a backslash come null, true, false, or another backslash")


def _too_long() -> Unreadable:
    return Unreadable("line_too_long", f"an event has at most {MAX_LINE_BYTES} bytes")


def head_of(stream: BinaryIO) -> bytes:
    """A table's first line as it is written; the stream is at its start again."""
    stream.seek(0)
    texts = _Texts(stream)
    _first(csv.reader(texts, strict=True))
    stream.seek(0)
    return texts.taken()[0]
