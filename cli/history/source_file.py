"""The file of an import: read twice, so that nothing is imported before everything was looked at."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cli.history.lines import FileUnusable, Form, Line, form_of, head_of, lines_of

STANDARD_INPUT = "-"


class SourceFile:
    """An open file of events that can be read from its start again and again."""

    def __init__(self, name: str, stream: BinaryIO, form: Form | None) -> None:
        """``form`` None: its first character tells. Raises: FileUnusable."""
        self.name = name
        self.form = form or form_of(stream)
        self._stream = stream
        self._first = self._state()

    @property
    def size(self) -> int:
        """In bytes."""
        return self._first[0]

    @property
    def position(self) -> int:
        """How many bytes of this turn are read."""
        return self._stream.tell()

    @property
    def head(self) -> bytes:
        """The first line of a table; of JSON lines there is none."""
        return head_of(self._stream) if self.form is Form.CSV else b""

    def is_at(self, path: Path) -> bool:
        """Whether that is the same file."""
        return path.exists() and os.path.samestat(path.stat(), os.fstat(self._stream.fileno()))

    def lines(self) -> Iterator[Line]:
        """All lines from the start. Raises: FileUnusable, also when the file is another than before."""
        self._stream.seek(0)
        yield from lines_of(self._stream, self.form)
        if self._state() != self._first:
            raise FileUnusable(
                f"{self.name} changed while it was read: import it again; what is stored changes nothing"
            )

    def _state(self) -> tuple[int, int]:
        found = os.fstat(self._stream.fileno())
        return found.st_size, found.st_mtime_ns


@contextmanager
def opened(name: str, form: Form | None) -> Iterator[SourceFile]:
    """The file of that name; ``-`` and what cannot be read twice are first copied to disk. Raises: FileUnusable."""
    try:
        with sys.stdin.buffer if name == STANDARD_INPUT else Path(name).open("rb") as found:
            if name != STANDARD_INPUT and found.seekable():
                yield SourceFile(name, found, form)
                return
            with tempfile.TemporaryFile() as copy:
                shutil.copyfileobj(found, copy)
                copy.seek(0)
                yield SourceFile("standard input" if name == STANDARD_INPUT else name, copy, form)
    except OSError as error:
        raise FileUnusable(f"{name} cannot be read: {error.strerror or error}") from error
