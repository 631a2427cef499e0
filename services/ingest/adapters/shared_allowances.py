"""What a source may still send, for all processes that take its deliveries: in a file that each of them maps.

A source's place in the file is locked for the microseconds in which somebody looks and takes. The kernel gives the
lock of a process that dies back, and what it held is given back when its successor starts.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from services.ingest.domain.allowance import CONCURRENCY_RETRY_SECONDS, Allowance, LocalAllowance, TurnedAway
from services.ingest.domain.refusals import RefusalReason
from services.ingest.domain.token_bucket import TokenBucket
from shared.domain.instants import Micros
from shared.domain.sources import Limits, Source

SLOTS = 4096
"""Sources that a service has seen while it ran."""
_KEY_BYTES = 16
_BUCKET = struct.Struct("=dq")
"""Tokens, and when they were filled up."""
_INSIDE = struct.Struct("=q")
"""Deliveries in progress, a worker."""
log = structlog.get_logger()


class SharedAllowances:
    """Makes the allowances of one of ``count`` workers; ``index`` is its own, and what a predecessor held is free."""

    def __init__(self, path: Path, *, index: int, count: int) -> None:
        self._slot_bytes = _KEY_BYTES + _BUCKET.size + count * _INSIDE.size
        self.index, self.count = index, count
        self._made: dict[str, _SharedAllowance] = {}
        self.file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        with self._locked(0, 0):
            size = SLOTS * self._slot_bytes
            if os.fstat(self.file).st_size < size:
                os.ftruncate(self.file, size)
            self.memory = mmap.mmap(self.file, size)
            for slot in range(SLOTS):
                _INSIDE.pack_into(self.memory, self._inside_at(slot) + index * _INSIDE.size, 0)

    def of(self, source: Source, now: Micros) -> Allowance:
        """The source's, with all its tokens if nobody has had it yet."""
        made = self._made.get(source.id)
        if made is None:
            slot = self._slot(source, now)
            if slot is None:
                log.warning("allowance_not_shared", source=source.id)
                return LocalAllowance(_part(source.limits, self.count), now)
            made = self._made[source.id] = _SharedAllowance(self, slot)
        made.limit(source.limits)
        return made

    def _slot(self, source: Source, now: Micros) -> int | None:
        """Where the source is in the file, or None where there is no room."""
        key = hashlib.blake2b(source.id.encode(), digest_size=_KEY_BYTES).digest()
        with self._locked(0, 0):
            for step in range(SLOTS):
                slot = (int.from_bytes(key[:4], "big") + step) % SLOTS
                at = slot * self._slot_bytes
                found = self.memory[at : at + _KEY_BYTES]
                if found == key:
                    return slot
                if found == bytes(_KEY_BYTES):
                    self.memory[at : at + _KEY_BYTES] = key
                    _BUCKET.pack_into(self.memory, at + _KEY_BYTES, float(source.limits.burst), now)
                    return slot
        return None

    def bucket_at(self, slot: int) -> int:
        """Where its tokens are."""
        return slot * self._slot_bytes + _KEY_BYTES

    def _inside_at(self, slot: int) -> int:
        return self.bucket_at(slot) + _BUCKET.size

    def inside(self, slot: int) -> list[int]:
        """Deliveries in progress, a worker."""
        at = self._inside_at(slot)
        return [each for (each,) in _INSIDE.iter_unpack(self.memory[at : at + self.count * _INSIDE.size])]

    def set_inside(self, slot: int, number: int) -> None:
        """This worker's own; nobody else writes it."""
        _INSIDE.pack_into(self.memory, self._inside_at(slot) + self.index * _INSIDE.size, number)

    def locked(self, slot: int) -> int:
        """Locks a slot until ``unlocked``."""
        fcntl.lockf(self.file, fcntl.LOCK_EX, self._slot_bytes, slot * self._slot_bytes)
        return slot

    def unlocked(self, slot: int) -> None:
        """Others may look."""
        fcntl.lockf(self.file, fcntl.LOCK_UN, self._slot_bytes, slot * self._slot_bytes)

    @contextmanager
    def _locked(self, start: int, length: int) -> Iterator[None]:
        fcntl.lockf(self.file, fcntl.LOCK_EX, length, start)
        try:
            yield
        finally:
            fcntl.lockf(self.file, fcntl.LOCK_UN, length, start)


class _SharedAllowance:
    """See the port."""

    __slots__ = ("_bucket", "_inside", "_places", "_shared", "_slot")

    def __init__(self, shared: SharedAllowances, slot: int) -> None:
        self._shared = shared
        self._slot = slot
        self._bucket = TokenBucket(rate=1, burst=1, now=0)
        self._places = self._inside = 0

    def limit(self, limits: Limits) -> None:
        """See the port."""
        self._bucket.rate, self._bucket.burst = limits.requests_per_second, limits.burst
        self._places = limits.max_concurrent

    def enter(self, now: Micros) -> TurnedAway | None:
        """See the port."""
        shared, bucket = self._shared, self._bucket
        shared.locked(self._slot)
        try:
            if sum(shared.inside(self._slot)) >= self._places:
                return TurnedAway(RefusalReason.TOO_MANY_AT_ONCE, CONCURRENCY_RETRY_SECONDS)
            at = shared.bucket_at(self._slot)
            tokens, bucket.filled_at = _BUCKET.unpack_from(shared.memory, at)
            bucket.tokens = min(tokens, float(bucket.burst))
            wait = bucket.take(now)
            _BUCKET.pack_into(shared.memory, at, bucket.tokens, bucket.filled_at)
            if wait:
                return TurnedAway(RefusalReason.RATE_LIMITED, wait)
            self._inside += 1
            shared.set_inside(self._slot, self._inside)
            return None
        finally:
            shared.unlocked(self._slot)

    def leave(self) -> None:
        """See the port."""
        self._inside -= 1
        self._shared.set_inside(self._slot, self._inside)


def _part(limits: Limits, count: int) -> Limits:
    """One worker's part of what a source may send, where nothing can be shared."""
    return Limits(
        requests_per_second=limits.requests_per_second / count,
        burst=max(1, limits.burst // count),
        max_concurrent=max(1, limits.max_concurrent // count),
    )
