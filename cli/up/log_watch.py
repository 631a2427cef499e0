"""What the services complain about: their warnings and errors, one console line each, repeats left out."""

from __future__ import annotations

from pathlib import Path

import msgspec

LEVELS = frozenset({"warning", "error", "critical"})
QUIET_SECONDS = 60.0
"""The same complaint of the same service shows once in this time."""
BORING = frozenset({"event", "level", "timestamp", "service", "exception"})
LONGEST = 220


class Complaint(msgspec.Struct, frozen=True):
    """A warning or error of a service."""

    level: str
    event: str
    detail: str

    def __str__(self) -> str:
        return f"{self.level}: {self.event}{f' ({self.detail})' if self.detail else ''}"[:LONGEST]


def complaint(line: bytes) -> Complaint | None:
    """The complaint in a line of structured log; None for anything else."""
    try:
        fields = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    if not isinstance(fields, dict) or fields.get("level") not in LEVELS:
        return None
    details = (f"{name}={value}" for name, value in fields.items() if name not in BORING)
    return Complaint(str(fields["level"]), str(fields.get("event", "")), ", ".join(details))


class Repeats:
    """Tells which complaints were shown a moment ago."""

    def __init__(self) -> None:
        self._shown: dict[tuple[str, str], float] = {}

    def is_news(self, who: str, what: Complaint, *, now: float) -> bool:
        """True when this service has not said so in the last minute. now: monotonic seconds."""
        key = (who, what.event)
        if now - self._shown.get(key, -QUIET_SECONDS) < QUIET_SECONDS:
            return False
        self._shown[key] = now
        return True


class LogTail:
    """Whole lines that were appended to a file since the last look."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = path.stat().st_size if path.exists() else 0

    def new_lines(self) -> list[bytes]:
        """Without the last one as long as it is not finished; at most 256 KiB a look."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as log:
            log.seek(self._position)
            whole, newline, _ = log.read(262_144).rpartition(b"\n")
        self._position += len(whole) + len(newline)
        return whole.splitlines()
