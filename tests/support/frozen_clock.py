"""A host clock that stands still for one process, by libfaketime: its hands are in a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


class FrozenClock:
    """What a process takes for the time of day, and where ``stops_timers`` for the monotonic clock as well."""

    def __init__(self, file: Path, *, stops_timers: bool) -> None:
        if not LIBRARIES:
            message = "no libfaketime: apt-get install faketime"
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(message)
        self._file = file
        self.environment = {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_FMT": "%s",
            "FAKETIME_NO_CACHE": "1",
            **({} if stops_timers else {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}),
        }

    def set(self, unix_seconds: int) -> None:
        """From now on it is this time."""
        replacement = self._file.with_suffix(".new")
        replacement.write_text(f"{unix_seconds}\n")
        replacement.replace(self._file)
