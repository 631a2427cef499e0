"""Restatements as they are kept: marks of closed cells that changed, and what became of their readings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import msgspec
from msgspec import Struct

from shared.contracts.messages import decode_cell
from shared.domain.kpis import Kpi
from shared.domain.restatements import Cause, RepMarks, Restatement

VERSION_FIELD = "version"
"""Field of a marks hash: the rep's version when the last mark was made."""


class Caused(Struct, array_like=True, frozen=True):
    """What changed the numbers of some definitions, on one local day."""

    cause: Cause
    definitions: list[str]


class KeptRestatement(Struct, array_like=True, frozen=True):
    """One restatement of a rep's. ``period``: kind and id. Values are None where the reading's was null."""

    kpi: str
    definition: str
    period: tuple[str, str]
    before: Decimal | None
    after: Decimal | None
    cause: Cause


def mark_field(received_on: date, cell: str) -> str:
    """Field of a marks hash: a cell as it was before what was received on a day of the rep's."""
    return f"{received_on.isoformat()}/{cell}"


def cause_field(received_on: date, day: date, cause: Cause) -> str:
    """Field of a marks hash: what changed numbers of a local day, of what was received on another."""
    return f"{received_on.isoformat()}/{day.isoformat()}/{cause.position}/{cause.fact}"


def value_fields(received_on: date, cell: str, definition: str, values: Mapping[str, int]) -> dict[str, int]:
    """Fields of a hash of marked values: the place and the value, which alone may hold slashes."""
    place = f"{received_on.isoformat()}/{cell}/{definition}/"
    return {place + value: delta for value, delta in values.items() if delta}


encode_terms = msgspec.msgpack.Encoder().encode
"""The KPIs of a tenant, by definition."""
decode_terms = msgspec.msgpack.Decoder(dict[str, Kpi]).decode
encode_caused = msgspec.msgpack.Encoder().encode
_decode_caused = msgspec.msgpack.Decoder(Caused).decode
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(KeptRestatement).decode


def decode_marks(marks: Mapping[str, bytes], values: Mapping[str, int]) -> RepMarks:
    """A rep's marks from both hashes."""
    found = RepMarks(int(marks.get(VERSION_FIELD, 0)), {}, {}, {})
    for field, packed in marks.items():
        received_on, *named = field.split("/", 2)
        if len(named) == 2:
            caused: Caused = _decode_caused(packed)
            found.caused(
                date.fromisoformat(received_on), date.fromisoformat(named[0]), caused.cause, caused.definitions
            )
        elif named:
            found.cells[date.fromisoformat(received_on), named[0]] = decode_cell(packed) if packed else {}
    for field, delta in values.items():
        received_on, cell, definition, value = field.split("/", 3)
        found.values.setdefault((date.fromisoformat(received_on), cell, definition), {})[value] = delta
    return found


def encode_restatement(found: Restatement) -> bytes:
    """As it is kept under its rep."""
    return _encode(KeptRestatement(found.kpi, found.definition, found.period, found.before, found.after, found.cause))


def decode_restatement(rep: str, packed: bytes) -> Restatement:
    """A rep's."""
    kept: KeptRestatement = _decode(packed)
    return Restatement(rep, kept.kpi, kept.definition, kept.period, kept.before, kept.after, kept.cause)
