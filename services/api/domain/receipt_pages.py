"""Long lists come in parts: a cursor names the last place that the asker has seen, so that parts do not shift."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from services.api.domain.refusals import Invalid
from shared.domain.instants import Micros

Place: TypeAlias = tuple[Micros, str, str, str]
"""(time, KPI, rep, fact): where something stands in a list."""
MOST = 10_000
T = TypeVar("T")
_decode_place = msgspec.msgpack.Decoder(Place).decode


class InvalidCursor(Invalid):
    """No cursor that we gave."""

    reason = "invalid_cursor"


class Slice(Struct, frozen=True):
    """At most so many, those that come after a place."""

    limit: int = MOST
    after: Place | None = None


EVERYTHING = Slice()


def slice_of(limit: int | None, cursor: str | None) -> Slice:
    """What was asked for. Raises: InvalidCursor."""
    return Slice(MOST if limit is None else limit, None if cursor is None else _decode(cursor))


def cut(ordered: Sequence[T], part: Slice, place: Callable[[T], Place]) -> tuple[list[T], str | None]:
    """The part of a list, and the cursor of the next one; None if there is none."""
    rest = [each for each in ordered if part.after is None or place(each) > part.after]
    shown = rest[: part.limit]
    return shown, _encode(place(shown[-1])) if len(rest) > len(shown) else None


def _encode(place: Place) -> str:
    return urlsafe_b64encode(msgspec.msgpack.encode(place)).decode().rstrip("=")


def _decode(cursor: str) -> Place:
    try:
        packed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        place: Place = _decode_place(packed)
    except (NotBase64, ValueError, msgspec.MsgspecError):
        raise InvalidCursor("this is no cursor of an answer of ours") from None
    return place
