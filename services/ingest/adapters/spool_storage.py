"""The files of a spool: which there are, in which order, and what is done with them. Blocking; one caller at a time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from services.ingest.adapters.spool_cipher import Keyring, WrongKey
from services.ingest.adapters.spool_segments import (
    HEADER_BYTES,
    SUFFIX,
    Contents,
    Segment,
    Unreadable,
    found_segment,
    holds_something,
    sync_directory,
)
from services.ingest.adapters.spool_slots import Slot, orphaned_slots, take_slot
from services.ingest.domain.spooling import Held, Spooled
from services.ingest.spool_metrics import SpoolMetrics
from shared.domain.clock import Clock
from shared.domain.instants import Micros

SEGMENT_BYTES = 4_194_304
"""A file is read whole when it is drained, and repeated whole after a crash in the middle of it."""
ASIDE, DAMAGED = ".aside", ".damaged"
log = structlog.get_logger()


class SpoolStorage:
    """Segments in the order in which they are to be drained; deliveries are appended to the last one.

    ``held`` may be read by another thread.
    """

    def __init__(self, directory: Path, keyring: Keyring, clock: Clock, metrics: SpoolMetrics) -> None:
        self.held = Held()
        self._directory = directory
        self._keyring = keyring
        self._clock = clock
        self._metrics = metrics
        self._slot: Slot | None = None
        self._segments: list[Segment] = []
        self._active: Segment | None = None
        self._unreadable: dict[Path, int] = {}
        self._newest: Micros = 0

    def _count(self) -> None:
        """A file that is only begun holds nothing yet."""
        parts = [segment for segment in self._segments if segment.count]
        self.held = Held(
            parts=len(parts),
            deliveries=sum(part.count for part in parts),
            size=sum(segment.size for segment in self._segments) + sum(self._unreadable.values()),
            oldest_at=parts[0].created_at if parts else 0,
            unreadable=len(self._unreadable),
        )

    def append(self, deliveries: Sequence[Spooled]) -> None:
        """Writes and syncs them behind all others. Raises: OSError."""
        active = self._active or self._begin()
        try:
            active.append(deliveries, self._keyring)
        except OSError:
            self._abandon(active)
            raise
        finally:
            self._count()
        if active.size >= SEGMENT_BYTES:
            self._seal()

    def _begin(self) -> Segment:
        if self._slot is not None and not self._slot.path.is_dir():  # somebody took it away: begin anew
            log.error("spool_directory_gone", directory=str(self._slot.path))
            self._slot.close()
            self._slot = None
        slot = self._slot or self._open()
        self._newest = max(self._clock.now(), self._newest + 1)
        self._active = Segment.create(slot.path, self._newest, self._keyring)
        self._segments.append(self._active)
        return self._active

    def _abandon(self, segment: Segment) -> None:
        """After a failed write or sync nobody knows what the disk has: what was confirmed stays, nothing is added."""
        self._seal()
        try:
            if segment.count:
                segment.cut()
            else:
                self._segments.remove(segment)
                segment.path.unlink()
        except OSError as error:
            log.warning("spool_not_tidied", file=segment.path.name, error=str(error))

    def _seal(self) -> None:
        if self._active is not None:
            self._active.close()
            self._active = None

    def read_oldest(self) -> list[Spooled] | None:
        """What the first file holds, to which nothing is added from now on. Raises: OSError."""
        if not self._segments or not self._segments[0].count:
            return None
        oldest = self._segments[0]
        if oldest is self._active:
            self._seal()
        try:
            contents = oldest.read(self._keyring)
        except FileNotFoundError:
            log.error("spool_file_gone", file=oldest.path.name, deliveries=oldest.count)  # noqa: TRY400 - no bug of ours
            self._metrics.damaged.inc(oldest.count)
            return []
        self._keep_damaged(oldest, contents)
        return contents.deliveries

    def remove_oldest(self) -> None:
        """Takes the first file away, for good. Raises: OSError."""
        oldest = self._segments[0]
        oldest.path.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            sync_directory(oldest.path.parent)
        self._segments.pop(0)
        self._count()

    def set_aside(self, delivery: Spooled) -> None:
        """Keeps it in a file of its own, which nothing drains. Raises: OSError."""
        slot = self._slot or self._open()
        kept = Segment.create(slot.path, self._clock.now(), self._keyring, suffix=ASIDE)
        try:
            kept.append([delivery], self._keyring)
        finally:
            kept.close()

    def others_hold(self) -> bool:
        """Whether a file that we could read lies in another subdirectory. Raises: OSError."""
        if not self._directory.is_dir():
            return False
        own = None if self._slot is None else self._slot.path
        found = (path for path in self._directory.glob(f"*/*{SUFFIX}") if path.parent != own)
        return any(holds_something(path, self._keyring) for path in found)

    def adopt(self) -> int:
        """Takes over the files of processes that are gone, our own predecessor's first; how many. Raises: OSError."""
        if not self._directory.is_dir():
            return 0
        before = len(self._segments)
        slot = self._slot or self._open()
        with orphaned_slots(self._directory, slot) as orphans:
            moved = [self._move(path, slot.path) for orphan in orphans for path in sorted(orphan.glob(f"*{SUFFIX}"))]
            for orphan in orphans if moved else ():
                sync_directory(orphan)
        if moved:
            sync_directory(slot.path)
            self._seal()
            self._find(moved)
            log.warning("spool_adopted", files=len(moved))
        return len(self._segments) - before

    @staticmethod
    def _move(path: Path, target: Path) -> Path:
        return path.rename(target / path.name)

    def _open(self) -> Slot:
        slot = take_slot(self._directory)
        self._slot = slot
        self._find(sorted(slot.path.glob(f"*{SUFFIX}")))
        return slot

    def _find(self, paths: Sequence[Path]) -> None:
        """Takes up files that are there, in the order of their names among ours."""
        for path in paths:
            try:
                segment, contents = found_segment(path, self._keyring)
            except WrongKey as error:
                self._unreadable[path] = path.stat().st_size
                log.warning("spool_unreadable", file=path.name, detail=str(error))
                continue
            except Unreadable:
                self._drop_headless(path)
                continue
            self._keep_damaged(segment, contents)
            if contents.torn:
                log.warning("spool_torn_tail_cut", file=path.name, bytes=contents.torn)
                self._metrics.torn.inc(contents.torn)
                segment.cut()
            self._segments.append(segment)
        self._segments.sort(key=lambda segment: segment.path.name)
        self._newest = max([self._newest, *(segment.created_at for segment in self._segments)])
        self._drop_empty()
        self._count()

    def _drop_headless(self, path: Path) -> None:
        """A file without a whole header: a crash as it was begun, or a bad disk."""
        if path.stat().st_size <= HEADER_BYTES:
            path.unlink()
            return
        log.error("spool_damaged", file=path.name, detail="its header is not whole")
        self._metrics.damaged.inc()
        path.rename(path.with_suffix(DAMAGED))

    def _drop_empty(self) -> None:
        for segment in [one for one in self._segments if not one.count]:
            self._segments.remove(segment)
            segment.path.unlink(missing_ok=True)

    def _keep_damaged(self, segment: Segment, contents: Contents) -> None:
        """What was confirmed once and cannot be read is not thrown away with the rest of its file."""
        if not contents.damaged:
            return
        kept = segment.path.with_suffix(DAMAGED)
        if not kept.exists():
            log.error("spool_damaged", file=kept.name, deliveries=len(contents.damaged))
            self._metrics.damaged.inc(len(contents.damaged))
            kept.write_bytes(b"".join(contents.damaged))

    def close(self) -> None:
        """Leaves the files to whoever comes next."""
        self._seal()
        if self._slot is not None:
            self._slot.close()
            self._slot = None
