"""What a HubSpot workflow posts: the object as the API returns it, in either of the API's forms, or keys of its own.

The older form has a value and its time by property (``{"amount": {"value": "5", "timestamp": ...}}``), the newer one
the plain value and ``updatedAt``. Keys that a customer made up mean what only they know: they stay in quarantine.
"""

from __future__ import annotations

from services.ingest.domain.delivery import Accepted, Context, Element, Outcome, Rejected, RejectReason
from services.ingest.domain.json_values import Json, JsonObject
from services.ingest.domain.said import Unusable, instant, not_ahead, refuse
from services.ingest.providers import hubspot_meaning as meaning
from services.ingest.providers.hubspot_meaning import Said
from services.ingest.providers.hubspot_objects import HubSpotObject, object_id, portal_of, value_text
from shared.domain.changes import RecordChange
from shared.domain.instants import Micros

_TELLING = {
    "dealstage": "deal",
    "hs_call_direction": "call",
    "hs_call_duration": "call",
    "hs_email_direction": "email",
    "hs_meeting_outcome": "meeting",
    "hs_meeting_start_time": "meeting",
    "hs_task_status": "task",
}
"""Properties that one type of object has: the newer form does not say of which type it is."""
_LAST_CHANGES = ("hs_lastmodifieddate", "lastmodifieddate")
_CREATIONS = ("createdate", "hs_createdate")


def snapshot(element: Element, body: JsonObject, context: Context) -> tuple[Outcome, ...]:
    """All that the object says; what cannot be used of it waits in quarantine beside the rest. Raises: Unusable."""
    properties = body.get("properties")
    kind = _kind(body, properties)
    if kind is None or not isinstance(properties, dict):
        refuse(RejectReason.UNKNOWN_TYPE, "neither an event nor a HubSpot object that we know")
    record = HubSpotObject(context, kind, object_id(_id_of(body, kind)), portal_of(body))
    as_of = _as_of(body, properties, context)
    changes, problem = _changes(record, properties, as_of)
    changes = [*_creation(record, body, properties), *changes]
    rejected = () if problem is None else (Rejected(element, problem.reason, problem.detail),)
    return (Accepted(tuple(changes)), *rejected) if changes or not rejected else rejected


def _kind(body: JsonObject, properties: Json) -> str | None:
    """The type that it says or shows; None for one whose numbers nobody reads, and for two at once."""
    said = body.get("objectTypeId") or body.get("objectType")
    if said is None and isinstance(properties, dict):
        shown = {_TELLING[name] for name in properties if name in _TELLING} | ({"deal"} if "dealId" in body else set())
        return shown.pop() if len(shown) == 1 else None
    kind = meaning.kind_of(said)
    return kind if kind in meaning.TRACKED else None


def _id_of(body: JsonObject, kind: str) -> Json:
    return body.get("objectId") or body.get("id") or body.get(f"{kind}Id")


def _as_of(body: JsonObject, properties: JsonObject, context: Context) -> Micros:
    """When it was as it says: its last change that we are told of; of one that tells no time, when it reached us.

    Raises: Unusable.
    """
    stamps = [item.get("timestamp") for item in properties.values() if isinstance(item, dict)]
    changed = [_plain(properties.get(name)) for name in _LAST_CHANGES]
    told = [stamp for stamp in (*stamps, *changed, body.get("updatedAt")) if stamp is not None and stamp != ""]
    return max((_time(stamp, context) for stamp in told), default=context.received_at)


def _changes(
    record: HubSpotObject, properties: JsonObject, as_of: Micros
) -> tuple[list[RecordChange], Unusable | None]:
    """Each property at its own time, else as of the whole; and what the first that cannot be used lacks."""
    changes: list[RecordChange] = []
    problem: Unusable | None = None
    source = record.context.source
    for name, item in properties.items():
        stamp = item.get("timestamp") if isinstance(item, dict) else None
        try:
            at = as_of if stamp is None or stamp == "" else _time(stamp, record.context)
            said = meaning.property_change(record.kind, name, value_text(_plain(item)), source=source)
        except Unusable as error:
            problem = problem or Unusable(error.reason, f"{name[:80]}: {error.detail}")
        else:
            changes.append(record.says(said, at))
    return changes, problem


def _creation(record: HubSpotObject, body: JsonObject, properties: JsonObject) -> list[RecordChange]:
    """What is there was created, and says when; under the id that its webhook would have. Raises: Unusable."""
    stamps = [body.get("createdAt"), *(_plain(properties.get(name)) for name in _CREATIONS)]
    stamp = next((stamp for stamp in stamps if stamp is not None and stamp != ""), None)
    if stamp is None:
        return []
    said = Said(meaning.CREATION_VERBS.get(record.kind, "created"), mark="creation")
    return [record.says(said, _time(stamp, record.context))]


def _plain(item: Json) -> Json:
    return item.get("value") if isinstance(item, dict) else item


def _time(stamp: Json, context: Context) -> Micros:
    """Raises: Unusable."""
    return not_ahead(instant(stamp, "a time"), context.now, "a time")
