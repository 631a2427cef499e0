"""Several processes share the spool's directory: each locks a subdirectory of its own, ``0``, ``1`` and so on.

A lock ends with its process, however that ends. Subdirectories and their lock files are never removed: whoever removed
one could not know that nobody is about to lock it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.ingest.adapters.spool_segments import sync_directory

LOCK = "lock"
MOST_SLOTS = 256


class Slot:
    """A subdirectory that this process has locked."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    def close(self) -> None:
        """Another process may have it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def take_slot(directory: Path) -> Slot:
    """The first subdirectory that no process holds, made where all are held. Raises: OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    for number in range(MOST_SLOTS):
        path = directory / str(number)
        if not path.exists():
            path.mkdir(mode=0o700, exist_ok=True)
            sync_directory(directory)
        slot = _locked(path)
        if slot is not None:
            return slot
    raise OSError(f"{MOST_SLOTS} processes hold a part of {directory} each")


@contextmanager
def orphaned_slots(directory: Path, own: Slot) -> Iterator[list[Path]]:
    """Subdirectories whose processes are gone, locked for as long as the block lasts. Raises: OSError."""
    others = [path for path in sorted(directory.iterdir()) if path.name.isdigit() and path != own.path]
    taken = [slot for slot in map(_locked, others) if slot is not None]
    try:
        yield [slot.path for slot in taken]
    finally:
        for slot in taken:
            slot.close()


def _locked(path: Path) -> Slot | None:
    lock = os.open(path / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError:
        os.close(lock)
        raise
    return Slot(path, lock)
