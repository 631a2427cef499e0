"""Processor time of processes, user and system: steadier than wall time on a machine that others use too."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
USER, SYSTEM = 11, 12
"""Fields of /proc/PID/stat behind the command's name."""


def processor_seconds(pid: int) -> float:
    """What a process has used since it began, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[USER]) + int(fields[SYSTEM])) / _TICKS


class Meter:
    """Processor time of several processes from its creation on."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._began = {pid: processor_seconds(pid) for pid in pids}

    def used(self, pid: int) -> float:
        """Seconds since the creation."""
        return processor_seconds(pid) - self._began[pid]
