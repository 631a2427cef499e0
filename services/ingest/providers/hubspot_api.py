"""HubSpot's API for one record: what is asked for, and what the answer means.

Properties that have a history in our records (stage, owner, outcome) are asked for with theirs, so that each version is
said at its own time, as its webhook would have said it: under the same id it is the same event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from urllib.parse import quote

import msgspec
from msgspec import UNSET, UnsetType

from services.ingest.domain.delivery import Context, RejectReason
from services.ingest.domain.enrichment import ApiRequest, Ask, RecordApi
from services.ingest.domain.json_values import Json, JsonObject, Number
from services.ingest.domain.said import identifier, instant, not_ahead, refuse
from services.ingest.domain.statements import Statement, change_of
from services.ingest.providers import hubspot_meaning as meaning
from services.ingest.providers.hubspot_meaning import Said
from shared.domain.changes import RecordChange, Scalar, Verb
from shared.domain.instants import Micros
from shared.domain.sources import Source

_PATHS = {
    "deal": "deals",
    "call": "calls",
    "meeting": "meetings",
    "email": "emails",
    "task": "tasks",
    "lead": "leads",
    "quote": "quotes",
}
_OWNER = "hubspot_owner_id"
_HISTORIES = {
    "deal": ("dealstage", "hs_is_closed_lost", "hs_is_closed_won"),
    "meeting": ("hs_meeting_outcome",),
    "task": ("hs_task_status",),
}
"""Beside the owner of every record."""
_PLAIN = {
    "deal": ("amount", "closed_lost_reason", "closedate", "deal_currency_code", "dealname", "dealtype", "pipeline"),
    "call": ("hs_call_direction", "hs_call_disposition", "hs_call_duration", "hs_call_status", "hs_timestamp"),
    "meeting": ("hs_activity_type", "hs_meeting_end_time", "hs_meeting_start_time", "hs_timestamp"),
    "email": ("hs_email_direction", "hs_email_status", "hs_timestamp"),
    "task": ("hs_task_completion_date", "hs_task_priority", "hs_task_type", "hs_timestamp"),
    "lead": ("hs_lead_type", "hs_pipeline", "hs_pipeline_stage"),
    "quote": ("hs_expiration_date", "hs_quote_amount", "hs_status"),
}
_THEIRS = {
    "owner": _OWNER,
    "stage": "dealstage",
    "status": "dealstage",
    "currency": "deal_currency_code",
    "lost_reason": "closed_lost_reason",
    "duration_seconds": "hs_call_duration",
}
"""HubSpot's names of what may be missing under a name of ours; everything else has its own."""
_NO_MOMENTS = frozenset({Verb.UPDATED.value, Verb.STAGE_CHANGED.value})
"""Verbs that say nothing beyond their fields."""
_MILLISECOND_US = 1000


def request(ask: Ask, token: str) -> ApiRequest | None:
    """One record with what KPIs read of its kind and what is missing."""
    path = _PATHS.get(ask.record_type)
    if path is None:
        return None
    histories = (_OWNER, *_HISTORIES.get(ask.record_type, ()))
    missing = (_theirs(ask.record_type, name) for name in ask.missing)
    wanted = dict.fromkeys((*_PLAIN[ask.record_type], *missing))
    return ApiRequest(
        f"/crm/v3/objects/{path}/{quote(ask.record, safe='')}",
        {"Authorization": f"Bearer {token}"},
        {
            "properties": ",".join((*histories, *(name for name in wanted if name not in histories))),
            "propertiesWithHistory": ",".join(histories),
            "archived": "false",
        },
    )


def translate(record: JsonObject, ask: Ask, context: Context) -> list[RecordChange]:
    """Each version of a property that has a history, and all else as of the record's last change. Raises: Unusable."""
    if identifier(record.get("id"), "id") != ask.record:
        refuse(RejectReason.INVALID_RECORD, "the API answered with another record")
    portal = ask.event.partition(":")[0]
    changed_at = not_ahead(instant(record.get("updatedAt"), "updatedAt"), context.now, "updatedAt")
    versions = list(_versions(record.get("propertiesWithHistory"), ask, context))
    told = {name for name, _, _ in versions}
    said = [said for name, said in _present(record, ask, context.source) if name not in told]
    changes = [_change(one, at, ask, portal=portal, context=context) for _, one, at in versions]
    own = [one for one in said if one.verb not in _NO_MOMENTS]
    changes += [_change(one, changed_at, ask, portal=portal, context=context) for one in own]
    together = _together([one for one in said if one.verb in _NO_MOMENTS], ask.missing, versions)
    return [*changes, _change(together, changed_at, ask, portal=portal, context=context)]


def _change(said: Said, at: Micros, ask: Ask, *, portal: str, context: Context) -> RecordChange:
    statement = Statement(
        kind=ask.record_type, record=ask.record, verb=said.verb, fields=said.fields, owner=said.owner, times=said.times
    )
    event = f"{portal}:{ask.record_type}:{ask.record}:{said.mark}@{at // _MILLISECOND_US}"
    return change_of(statement, event=event, at=at, context=context)


def _versions(histories: Json, ask: Ask, context: Context) -> Iterator[tuple[str, Said, Micros]]:
    """Property, what the version says, and since when. Raises: Unusable."""
    for name in (_OWNER, *_HISTORIES.get(ask.record_type, ())):
        found = histories.get(name) if isinstance(histories, dict) else None
        for version in found if isinstance(found, list) else ():
            if not isinstance(version, dict):
                refuse(RejectReason.INVALID_PROPERTY, f"a version of {name} is an object")
            at = not_ahead(instant(version.get("timestamp"), f"{name}'s timestamp"), context.now, name)
            value = _value(version.get("value"), name)
            yield name, meaning.property_change(ask.record_type, name, value, source=context.source), at


def _present(record: JsonObject, ask: Ask, source: Source) -> Iterator[tuple[str, Said]]:
    """Property and what its present value says. Raises: Unusable."""
    properties = record.get("properties")
    if not isinstance(properties, dict):
        refuse(RejectReason.INVALID_FIELDS, "properties is an object")
    for name, item in properties.items():
        yield name, meaning.property_change(ask.record_type, name, _value(item, name), source=source)


def _together(said: list[Said], missing: tuple[str, ...], versions: list[tuple[str, Said, Micros]]) -> Said:
    """All that is plain in one change. What is missing and has no value is null from now on, and missing no more."""
    fields: dict[str, Scalar] = {}
    owner: str | UnsetType | None = UNSET
    times: dict[str, Micros] = {}
    for one in sorted(said, key=lambda each: each.mark):  # weak ones give way, as their ids would
        fields |= one.fields
        owner = owner if one.owner is UNSET else one.owner
        times |= one.times
    known = {name for _, one, _ in versions for name in one.fields} | fields.keys()
    fields |= {name: None for name in missing if name not in known and name not in {"owner", "status"}}
    if "owner" in missing and owner is UNSET and not any(one.owner is not UNSET for _, one, _ in versions):
        owner = None
    digest = hashlib.sha256(msgspec.json.encode([fields, owner, times] if owner is not UNSET else [fields, times]))
    return Said(Verb.UPDATED, f"api={digest.hexdigest()[:16]}", fields, owner, times)


def _theirs(kind: str, name: str) -> str:
    if name == "direction":
        return f"hs_{kind}_direction"
    return _THEIRS.get(name, name.removeprefix("crm_"))


def _value(value: Json, name: str) -> str | None:
    """Values are texts; null and empty are none. Raises: Unusable."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is not None and (not isinstance(value, str) or isinstance(value, Number)):
        refuse(RejectReason.INVALID_PROPERTY, f"{name} is a text")
    return str(value) if value else None


API = RecordApi(request=request, translate=translate)
