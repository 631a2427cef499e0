"""What a process uses, by /proc."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGESIZE")


class ProcessUse(Struct, frozen=True):
    """Processor time of its own and of children that it has waited for, in seconds; ``started`` is Unix time."""

    seconds: float
    waited_for_seconds: float
    started: float
    virtual_memory_bytes: int
    resident_memory_bytes: int
    open_fds: int


def use_of(pid: int) -> ProcessUse | None:
    """None where there is no such process, or no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        open_files = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - names alone, without a Path each
        booted = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    except (OSError, StopIteration):
        return None
    user, system, waited_user, waited_system = (int(field) / _TICKS for field in fields[11:15])
    return ProcessUse(
        seconds=user + system,
        waited_for_seconds=waited_user + waited_system,
        started=int(booted.split()[1]) + int(fields[19]) / _TICKS,
        virtual_memory_bytes=int(fields[20]),
        resident_memory_bytes=int(fields[21]) * _PAGE,
        open_fds=open_files,
    )
