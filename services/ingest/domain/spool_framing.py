"""How deliveries lie in a file of the spool, and what a crash or a bad disk leaves of them. Pure.

A frame is its payload's length and a checksum over length and payload, four bytes each, big endian, then the payload.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from msgspec import Struct

_HEAD = struct.Struct(">II")
_LENGTH = struct.Struct(">I")
OVERHEAD = _HEAD.size
MAX_PAYLOAD = 67_108_864
"""A length beyond it is no length: the file is damaged there."""


class Frame(Struct, frozen=True):
    """A payload and where its frame begins."""

    offset: int
    payload: bytes


class Damage(Struct, frozen=True):
    """Bytes that were a frame and are none any more; others follow them."""

    start: int
    end: int


class Scan(Struct, frozen=True):
    """What a file holds. ``sound``: where the last whole frame ends; what is behind it was never confirmed."""

    frames: list[Frame]
    damaged: list[Damage]
    sound: int


def framed(payload: bytes) -> bytes:
    """The frame of a payload of 1 to MAX_PAYLOAD bytes."""
    length = _LENGTH.pack(len(payload))
    return length + _LENGTH.pack(zlib.crc32(payload, zlib.crc32(length))) + payload


def scan(data: bytes, start: int = 0) -> Scan:
    """All frames from ``start`` on.

    A frame with a wrong checksum is damaged where a whole one follows it, else it is part of the torn tail: of the
    last write before a crash any part may be missing, and none of it was confirmed.
    """
    frames: list[Frame] = []
    damaged: list[Damage] = []
    suspected: list[Damage] = []
    sound = start
    for place, payload in _places(data, start):
        if payload is None:
            suspected.append(place)
            continue
        frames.append(Frame(place.start, payload))
        damaged += suspected
        suspected = []
        sound = place.end
    return Scan(frames, damaged, sound)


def _places(data: bytes, start: int) -> Iterator[tuple[Damage, bytes | None]]:
    """Each place that may be a frame, with its payload where the checksum is right."""
    while start + OVERHEAD <= len(data):
        length, checksum = _HEAD.unpack_from(data, start)
        end = start + OVERHEAD + length
        if length > MAX_PAYLOAD or end > len(data):
            return
        payload = data[start + OVERHEAD : end]
        right = length > 0 and zlib.crc32(payload, zlib.crc32(data[start : start + _LENGTH.size])) == checksum
        yield Damage(start, end), payload if right else None
        start = end
