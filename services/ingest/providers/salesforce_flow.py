"""JSON of an administrator's own making: Flow callouts and platform events. Best effort, on what names itself.

Understood are an event of our native form, and an object of Salesforce with its field names, in any case and with or
without ``__c``: its object by name, or by what its record id begins with. Anything else waits in quarantine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from services.ingest.domain import said
from services.ingest.domain.delivery import Accepted, Context, Element, Ignored, Outcome, RejectReason
from services.ingest.domain.json_values import Json, JsonObject
from services.ingest.providers import native
from services.ingest.providers import salesforce_meaning as meaning
from services.ingest.providers.salesforce_fields import instant_of, text_of
from services.ingest.providers.salesforce_state import Kind, State
from shared.domain.changes import EVENT_TYPE, RecordChange
from shared.domain.salesforce_ids import long_form

_WRAPPERS = ("detail", "data", "payload")
_PREFIXES = {"006": "Opportunity", "00T": "Task", "00U": "Event", "00Q": "Lead", "0Q0": "Quote"}
"""What ids begin with, in every organisation."""
_KNOWN = (
    *("Id", "OwnerId", "Amount", "StageName", "IsWon", "IsClosed", "IsDeleted", "AccountId", "CurrencyIsoCode"),
    *("CreatedDate", "LastModifiedDate", "SystemModstamp", "MasterRecordId", "TaskSubtype", "Status", "WhatId"),
    *("CallType", "CallDurationInSeconds", "CompletedDateTime", "StartDateTime", "DurationInMinutes", "IsConverted"),
    *("ConvertedOpportunityId", "ConvertedAccountId", "GrandTotal", "OpportunityId"),
)
_ALIASES = {"recordid": "Id", "stage": "StageName", "owner": "OwnerId", "currency": "CurrencyIsoCode"}
_OBJECT_KEYS = ("objecttype", "sobjecttype", "object", "sobject", "entityname", "type")


def _folded(name: str) -> str:
    return name.removesuffix("__c").replace("_", "").lower()


_NAMES = {_folded(name): name for name in _KNOWN} | _ALIASES


class _Spoken(Struct, frozen=True):
    object: str
    fields: JsonObject
    is_platform_event: bool


def unwrapped(value: JsonObject, *, until: str) -> tuple[JsonObject, bool]:
    """What is inside EventBridge's, CometD's or a relay's wrappers, and whether CometD's was among them."""
    is_cometd = False
    for _ in range(4):
        name = next((name for name in _WRAPPERS if isinstance(value.get(name), dict)), None)
        if until in value or name is None:
            break
        is_cometd = is_cometd or (name == "data" and "channel" in value)
        inner = value[name]
        value = inner if isinstance(inner, dict) else value
    return value, is_cometd


def outcome_of(element: Element, value: JsonObject, context: Context) -> Outcome:
    """What it means. Raises: Unusable."""
    inner, is_cometd = unwrapped(value, until="Id")
    kind = inner.get("type")
    if isinstance(kind, str) and EVENT_TYPE.fullmatch(kind) and "occurred_at" in inner:
        return _native(Element(element.index, element.raw, inner), context)
    spoken = _spoken(inner, is_platform_event=is_cometd or _uuid(value) is not None)
    if meaning.is_silent(spoken.object):
        return Ignored(spoken.object)
    meaning.require_known(spoken.object)
    record = said.identifier(spoken.fields.get("Id"), "the record's id").strip()
    stamp = spoken.fields.get("LastModifiedDate") or spoken.fields.get("SystemModstamp")
    if stamp is None and spoken.is_platform_event:
        stamp = inner.get("CreatedDate")
    at = context.received_at if stamp is None else instant_of(stamp, "LastModifiedDate")
    said.not_ahead(at, context.now, "LastModifiedDate")
    event = _uuid(value) or hashlib.sha256(element.raw).hexdigest()[:32]
    state = State(spoken.object, record, Kind.SNAPSHOT, spoken.fields)
    return Accepted(meaning.changes(state, context, event=f"{event}:{long_form(record)}", at=at))


def _native(element: Element, context: Context) -> Outcome:
    outcome = native.translated(element, context)
    if not isinstance(outcome, Accepted):
        return outcome
    return Accepted(tuple(map(_normal, outcome.changes)))


def _normal(change: RecordChange) -> RecordChange:
    owner = long_form(change.owner) if isinstance(change.owner, str) else change.owner
    return msgspec.structs.replace(change, record=long_form(change.record), owner=owner)


def _spoken(inner: JsonObject, *, is_platform_event: bool) -> _Spoken:
    """The object and its fields under Salesforce's names. A platform event has all its fields: null says nothing."""
    fields = dict(_named(inner, is_platform_event=is_platform_event))
    prefix = text_of(fields.get("Id"))[:3]
    attributes = inner.get("attributes")
    told = attributes.get("type") if isinstance(attributes, dict) else None
    by_key = (value for name, value in inner.items() if _folded(name) in _OBJECT_KEYS)
    name = told or _PREFIXES.get(prefix) or next(by_key, None)
    if not isinstance(name, str):
        said.refuse(RejectReason.UNKNOWN_TYPE, "neither a change event, nor an object that names itself or its record")
    return _Spoken(name, fields, is_platform_event)


def _named(inner: JsonObject, *, is_platform_event: bool) -> Iterator[tuple[str, Json]]:
    for name, value in inner.items():
        known = _NAMES.get(_folded(name), name)
        about_event = is_platform_event and name in {"CreatedDate", "CreatedById", "EventUuid"}
        if not about_event and (value is not None or not is_platform_event):
            yield known, value


def _uuid(value: JsonObject) -> str | None:
    """A platform event's identity, wherever its relay has put it."""
    places: list[Json] = [value]
    while places:
        place = places.pop()
        if not isinstance(place, dict):
            continue
        found = place.get("EventUuid")
        if isinstance(found, str) and 0 < len(found) <= 64:
            return str(found)
        places += [place[name] for name in (*_WRAPPERS, "event") if name in place]
    return None
