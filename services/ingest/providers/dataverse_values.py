"""How Dataverse writes what it says: lists of pairs, wrapped values, ids in any case, dates of an old serialiser."""

from __future__ import annotations

import re

from msgspec import UNSET, Struct, UnsetType

from services.ingest.domain import said
from services.ingest.domain.delivery import RejectReason
from services.ingest.domain.json_values import Json, JsonObject
from services.ingest.domain.own_fields import is_scalar, own_name, scalar
from services.ingest.domain.said import MILLISECOND_US, refuse
from shared.domain import instants
from shared.domain.changes import EARLIEST_AT, LATEST_AT, Scalar
from shared.domain.instants import DAY_US, Micros

_DATE = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/", re.ASCII)
"""Milliseconds in UTC; the offset says how somebody would like to see them."""
_NOBODY = "00000000-0000-0000-0000-000000000000"


class Reference(Struct, frozen=True):
    """An EntityReference: which record of which entity."""

    id: str
    entity: str


def pairs(value: Json, what: str) -> JsonObject:
    """A list of ``{key, value}`` as an object; null is an empty one. Raises: Unusable."""
    found: JsonObject = {}
    if value is not None and not isinstance(value, list):
        refuse(RejectReason.INVALID_FIELDS, f"{what} is a list of key and value")
    for item in value or []:
        key = item.get("key") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(key, str):
            refuse(RejectReason.INVALID_FIELDS, f"{what} is a list of key and value")
        found[str(key)] = item.get("value")
    return found


def attributes(entity: Json, what: str) -> JsonObject:
    """The attributes of an Entity; a mere reference has none. Raises: Unusable."""
    if not isinstance(entity, dict):
        refuse(RejectReason.INVALID_FIELDS, f"{what} is an object")
    return pairs(entity.get("Attributes"), f"{what}.Attributes")


def guid(value: Json, what: str) -> str | None:
    """An id in lower case, without braces; None for null, for an empty text and for the id of nothing.

    Raises: Unusable.
    """
    text = said.optional_identifier(value, what)
    plain = None if text is None else text.strip("{}").lower()
    return None if plain == _NOBODY else plain or None


def reference(value: Json, what: str) -> Reference | None:
    """Raises: Unusable unless it is an EntityReference or null."""
    if value is None:
        return None
    if not isinstance(value, dict):
        refuse(RejectReason.INVALID_FIELDS, f"{what} is an EntityReference")
    found, entity = guid(value.get("Id"), what), value.get("LogicalName")
    return None if found is None else Reference(found, entity.lower() if isinstance(entity, str) else "")


def unwrapped(value: Json) -> Json:
    """What a Money, an OptionSetValue or the like holds; anything else as it is."""
    return value.get("Value") if isinstance(value, dict) and "Value" in value else value


def code(value: Json, what: str) -> str | None:
    """An option's number as text, None for null. Raises: Unusable."""
    return said.optional_identifier(unwrapped(value), what, reason=RejectReason.INVALID_FIELDS)


def date(value: Json, what: str) -> Micros | None:
    """An instant, None for null and for .NET's "no date". Raises: Unusable."""
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return said.optional_instant(value, what)
    at = int(match[1]) * MILLISECOND_US
    return None if at < EARLIEST_AT else said.instant(match[1], what)


def moment(value: Json, what: str) -> Micros | None:
    """The CRM's own time of a moment. Midnight is how a mere date is written: it names no instant. Raises: Unusable."""
    at = date(value, what)
    return None if at is None or at % DAY_US == 0 else at


def fields(said_of_it: JsonObject) -> dict[str, Scalar]:
    """Every attribute that comes down to one value, under its own name: a reference to its id, a date to RFC 3339."""
    plain = {own_name(name): _plain(value) for name, value in said_of_it.items()}
    return {name: value for name, value in plain.items() if not isinstance(value, UnsetType)}


def _plain(value: Json) -> Scalar | UnsetType:
    if isinstance(value, dict):
        value = value.get("Value") if "Value" in value else value.get("Id", [])
    if not is_scalar(value):
        return UNSET
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return scalar(value)
    at = int(match[1]) * MILLISECOND_US
    if at < EARLIEST_AT:
        return None
    return instants.text(at) if at <= LATEST_AT else str(value)
