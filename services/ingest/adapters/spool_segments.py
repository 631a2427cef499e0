"""One file of the spool: written by appending, synced before anybody is told, never changed once it is closed.

It begins with a header (magic, key id, an id of its own, checksum); frames follow (domain/spool_framing.py).
"""

from __future__ import annotations

import os
import secrets
import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from services.ingest.adapters.spool_cipher import KEY_ID_BYTES, Altered, Keyring, WrongKey
from services.ingest.domain.spool_framing import OVERHEAD, Damage, framed, scan
from services.ingest.domain.spooling import Spooled
from shared.domain.instants import Micros

MAGIC = b"PACERSP1"
ID_BYTES = 16
HEADER_BYTES = len(MAGIC) + KEY_ID_BYTES + ID_BYTES + 4
SUFFIX = ".seg"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Spooled).decode


class Unreadable(Exception):
    """A file that is none of the spool's, or whose header is damaged."""


class Segment:
    """A file of the spool and what it holds, as far as that is known without reading it again."""

    def __init__(self, path: Path, *, key_id: bytes, file_id: bytes) -> None:
        self.path = path
        self.size = HEADER_BYTES
        self.count = 0
        self._key_id = key_id
        self._file_id = file_id
        self._fd = -1

    @property
    def created_at(self) -> Micros:
        """When it was begun, by its name."""
        return int(self.path.name.partition("-")[0])

    @classmethod
    def create(cls, directory: Path, at: Micros, keyring: Keyring, *, suffix: str = SUFFIX) -> Segment:
        """A new file that outlasts a crash from now on. ``at`` orders files. Raises: OSError."""
        path = directory / f"{at:020d}-{secrets.token_hex(4)}{suffix}"
        segment = cls(path, key_id=keyring.writes_with, file_id=os.urandom(ID_BYTES))
        segment._fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            head = MAGIC + segment._key_id + segment._file_id
            _write(segment._fd, head + zlib.crc32(head).to_bytes(4, "big"))
            os.fsync(segment._fd)
            sync_directory(directory)
        except OSError:
            segment.close()
            path.unlink(missing_ok=True)
            raise
        return segment

    def append(self, deliveries: Sequence[Spooled], keyring: Keyring) -> None:
        """Writes and syncs them, all or, for all that anybody may rely on, none. Raises: OSError."""
        data = bytearray()
        for delivery in deliveries:
            place = self.size + len(data)
            sealed = keyring.sealed(_encode(delivery), self._key_id, bound_to=self._bound_to(place))
            data += framed(sealed)
        _write(self._fd, bytes(data))
        os.fdatasync(self._fd)
        self.size += len(data)
        self.count += len(deliveries)

    def close(self) -> None:
        """No more is written to it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def cut(self) -> None:
        """Takes away what a failed write may have left behind what is known to be whole. Raises: OSError."""
        if self.path.stat().st_size > self.size:
            os.truncate(self.path, self.size)

    def _bound_to(self, place: int) -> bytes:
        return self._file_id + place.to_bytes(8, "big")

    def read(self, keyring: Keyring) -> Contents:
        """What it holds. Raises: OSError, Unreadable, WrongKey."""
        data = self.path.read_bytes()
        found = scan(data, HEADER_BYTES)
        deliveries: list[Spooled] = []
        damaged = list(found.damaged)
        for frame in found.frames:
            try:
                payload = keyring.opened(frame.payload, self._key_id, bound_to=self._bound_to(frame.offset))
                deliveries.append(_decode(payload))
            except (Altered, msgspec.DecodeError):
                damaged.append(Damage(frame.offset, frame.offset + OVERHEAD + len(frame.payload)))
        lost = [data[one.start : one.end] for one in damaged]
        return Contents(deliveries, lost, torn=len(data) - found.sound, sound=found.sound)


class Contents(Struct, frozen=True):
    """What was read of a file: whole deliveries, frames that are damaged, and how many bytes of a torn tail follow."""

    deliveries: list[Spooled]
    damaged: list[bytes]
    torn: int
    sound: int


def found_segment(path: Path, keyring: Keyring) -> tuple[Segment, Contents]:
    """A file that an earlier process left, and what is in it. Raises: OSError, Unreadable, WrongKey."""
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
    body, checksum = head[:-4], head[-4:]
    if len(head) < HEADER_BYTES or not head.startswith(MAGIC) or zlib.crc32(body).to_bytes(4, "big") != checksum:
        raise Unreadable("its header is not whole")
    key_id = head[len(MAGIC) : len(MAGIC) + KEY_ID_BYTES]
    if not keyring.knows(key_id):
        raise WrongKey(f"its key is none of ours (key {key_id.hex()})")
    segment = Segment(path, key_id=key_id, file_id=body[-ID_BYTES:])
    contents = segment.read(keyring)
    segment.size, segment.count = contents.sound, len(contents.deliveries)
    return segment, contents


def holds_something(path: Path, keyring: Keyring) -> bool:
    """Whether a file has more than a header, and a key of ours; one that goes meanwhile has not. Raises: OSError."""
    try:
        with path.open("rb") as file:
            head = file.read(HEADER_BYTES + 1)
    except FileNotFoundError:
        return False
    return len(head) > HEADER_BYTES and keyring.knows(head[len(MAGIC) : len(MAGIC) + KEY_ID_BYTES])


def sync_directory(directory: Path) -> None:
    """Makes new and removed names in it outlast a crash. Raises: OSError."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
