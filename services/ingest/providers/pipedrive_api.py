"""Pipedrive's API for one record: deals and activities of version 2, leads of version 1.

The objects are those of its webhooks and mean the same; the version of an object is its ``update_time``, in seconds.
"""

from __future__ import annotations

import hashlib
import json
from urllib.parse import quote

from services.ingest.domain.delivery import Context, RejectReason
from services.ingest.domain.enrichment import ApiRequest, Ask, RecordApi
from services.ingest.domain.json_values import JsonObject
from services.ingest.domain.said import identifier, instant, not_ahead, refuse
from services.ingest.domain.statements import Statement, change_of
from services.ingest.providers import pipedrive_meaning as meaning
from services.ingest.providers.pipedrive_meaning import Notice
from shared.domain.changes import RecordChange, Verb
from shared.domain.instants import Micros

_ACTIVITIES = "/api/v2/activities"
_PATHS = {
    "deal": "/api/v2/deals",
    "lead": "/v1/leads",
    "call": _ACTIVITIES,
    "meeting": _ACTIVITIES,
    "email": _ACTIVITIES,
    "task": _ACTIVITIES,
}
_ENTITIES = {"deal": "deal", "lead": "lead"}


def request(ask: Ask, token: str) -> ApiRequest | None:
    """One record, whole."""
    path = _PATHS.get(ask.record_type)
    return None if path is None else ApiRequest(f"{path}/{quote(ask.record, safe='')}", {"x-api-token": token})


def translate(answer: JsonObject, ask: Ask, context: Context) -> list[RecordChange]:
    """The record as it is, since its last update. Raises: Unusable."""
    data = answer.get("data")
    if answer.get("success") is not True or not isinstance(data, dict):
        refuse(RejectReason.INVALID_FIELDS, "the API answered without the record")
    if identifier(data.get("id"), "id") != ask.record:
        refuse(RejectReason.INVALID_RECORD, "the API answered with another record")
    at = _version(data, context.now)
    company = ask.event.partition(":")[0]
    digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]
    notice = Notice(
        action="updated",
        entity=_ENTITIES.get(ask.record_type, "activity"),
        record=ask.record,
        event=f"{company}:api:{ask.record_type}:{ask.record}:{digest}",
        at=at,
        current=data,
        before=_before(data, ask),
    )
    said = [one for one in meaning.statements(notice, context.source) if one.kind == ask.record_type]
    return [change_of(_complete(one, ask), event=notice.event, at=at, context=context) for one in said]


def _before(data: JsonObject, ask: Ask) -> JsonObject:
    """Of an activity that is done: that it once was not, so that its moment is said, at its own time."""
    return {} if ask.record_type in _ENTITIES or "done" not in data else {"done": False}


def _complete(said: Statement, ask: Ask) -> Statement:
    """A moment only where its own time is known: the last update may be later. What has no value is null."""
    verb = said.verb if said.verb in said.times else Verb.UPDATED.value
    nothing = {name: None for name in ask.missing if name not in said.fields and name not in {"owner", "status"}}
    return Statement(
        kind=said.kind,
        record=said.record,
        verb=verb,
        fields=said.fields | nothing,
        owner=said.owner,
        times=said.times,
        mark=said.mark,
    )


def _version(data: JsonObject, now: Micros) -> Micros:
    name = "update_time" if data.get("update_time") else "add_time"
    return not_ahead(instant(data.get(name), name), now, name)


API = RecordApi(request=request, translate=translate)
