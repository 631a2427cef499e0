"""Salesforce's fields in our words.

Each keeps its own name, except where KPIs need one name for all CRMs. Ids have 18 characters wherever they stand, so
that an account that is named in two lengths is one account. A compound field (Name, an address) becomes its parts:
``BillingAddress.City``, as Salesforce's own lists of changed fields have it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from services.ingest.domain import said
from services.ingest.domain.delivery import RejectReason
from services.ingest.domain.json_values import Json, Number, compact
from shared.domain import exact
from shared.domain.changes import Scalar
from shared.domain.instants import Micros
from shared.domain.salesforce_ids import long_form

OURS = frozenset(
    {
        *("owner", "rep", "stage", "status", "amount", "currency", "account", "direction", "duration_seconds"),
        *("lost_reason", "deal", "into"),
    }
)
"""Names with a meaning of ours. A customer's own field of such a name is kept as ``crm_status`` and the like."""
COUNTING = {"Amount": "amount", "StageName": "stage", "OwnerId": "owner", "CurrencyIsoCode": "currency"}
"""Our names of the fields that numbers hang on."""
_UNSPOKEN = frozenset({"Id", "OwnerId", "ChangeEventHeader", "attributes"})
"""The record and its owner are said elsewhere; the others are no fields."""
_ACCOUNT, _DEAL = "001", "006"
"""What the ids of accounts and opportunities begin with, in every organisation."""
_AVRO = frozenset({"string", "double", "long", "int", "boolean"})
"""An Avro decoder may write a value as ``{"double": 40000.0}``."""
_ZONE = re.compile(r"([+-]\d\d)(\d\d)", re.ASCII)
_ACTIVITIES = frozenset({"call", "email", "meeting", "task"})
Fields = dict[str, Scalar]
Reader = Callable[[str, Json], Fields]


def fields_of(record_type: str, said_fields: Mapping[str, Json]) -> Fields:
    """Our fields of what was said; None clears. Raises: Unusable."""
    found: Fields = {}
    for name, value in said_fields.items():
        if name in _UNSPOKEN:
            continue
        reader = _READERS.get((record_type, name)) or _COMMON.get(name)
        found |= dict(_plain(name, value)) if reader is None else reader(name, value)
    if record_type in _ACTIVITIES and "WhatId" in said_fields:
        found |= _related(said_fields)
    return found


def instant_of(value: Json, what: str) -> Micros:
    """A time, also with a zone as the REST API writes it (+0000). Raises: Unusable."""
    if isinstance(value, str) and len(value) > 5 and (zone := _ZONE.fullmatch(value[-5:])):
        value = f"{value[:-5]}{zone[1]}:{zone[2]}"
    return said.instant(value, what)


def reference(value: Json, what: str) -> str | None:
    """The id of another record with 18 characters; None for null and an empty text. Raises: Unusable."""
    found = said.optional_identifier(value, what, reason=RejectReason.INVALID_FIELDS)
    return None if found is None else long_form(found.strip())


def text_of(value: Json) -> str:
    """A text, empty for everything that is none."""
    return str(value) if isinstance(value, str) else ""


def _plain(name: str, value: Json) -> Iterator[tuple[str, Scalar]]:
    """A field under its own name, a compound one part by part."""
    if isinstance(value, dict):
        if len(value) == 1 and (only := next(iter(value))) in _AVRO:
            yield from _plain(name, value[only])
            return
        for part, inner in value.items():
            yield f"{name}.{part}", _scalar(part, inner)
        return
    yield f"crm_{name}" if name in OURS else name, _scalar(name, value)


def _scalar(name: str, value: Json) -> Scalar:
    if isinstance(value, (dict, list)):
        return compact(value)
    if isinstance(value, str) and not isinstance(value, Number):
        return long_form(value) if name.endswith("Id") else value
    return str(value) if isinstance(value, Number) else value


def _related(said_fields: Mapping[str, Json]) -> Fields:
    """What an activity is about: one of many things, of which two concern us."""
    related = reference(said_fields["WhatId"], "WhatId")
    found: Fields = {"deal": related if related is not None and related.startswith(_DEAL) else None}
    if "AccountId" not in said_fields and related is not None and related.startswith(_ACCOUNT):
        found["account"] = related
    return found


def _amount(name: str, value: Json) -> Fields:
    return {"amount": said.amount(value, name)}


def _duration(name: str, value: Json) -> Fields:
    return {"duration_seconds": said.seconds(value, name)}


def _minutes(name: str, value: Json) -> Fields:
    minutes = said.seconds(value, name)
    return {"duration_seconds": None if minutes is None else exact.plain(exact.CONTEXT.multiply(Decimal(minutes), 60))}


def _direction(name: str, value: Json) -> Fields:
    """Outbound, Inbound or Internal."""
    return {"direction": _text(name, value).lower() or None}


def _as(ours: str) -> Reader:
    return lambda name, value: {ours: _text(name, value) or None}


def _reference_as(ours: str) -> Reader:
    return lambda name, value: {ours: reference(value, name)}


def _text(name: str, value: Json) -> str:
    if value is not None and not isinstance(value, str):
        said.refuse(RejectReason.INVALID_FIELDS, f"{name} is a text")
    return str(value or "")


_COMMON: dict[str, Reader] = {"CurrencyIsoCode": _as("currency"), "AccountId": _reference_as("account")}
_READERS: dict[tuple[str, str], Reader] = {
    ("deal", "Amount"): _amount,
    ("deal", "StageName"): _as("stage"),
    ("deal", "Loss_Reason__c"): _as("lost_reason"),
    ("call", "CallDurationInSeconds"): _duration,
    ("call", "CallType"): _direction,
    ("meeting", "DurationInMinutes"): _minutes,
    ("quote", "GrandTotal"): _amount,
    ("quote", "OpportunityId"): _reference_as("deal"),
    ("lead", "ConvertedOpportunityId"): _reference_as("deal"),
    ("lead", "ConvertedAccountId"): _reference_as("account"),
}
