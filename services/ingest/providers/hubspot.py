"""HubSpot app webhooks: arrays of thin events. A workflow's object is read in ``hubspot_workflows``.

Two naming schemes exist side by side, ``deal.propertyChange`` and ``object.propertyChange`` with ``objectTypeId``. Both
lead to the same event ids, which say what changed (portal, object, property, value, time) rather than which
subscription said so: a change that arrives through both, or in several attempts, is one event.
"""

from __future__ import annotations

from functools import lru_cache

from services.ingest.domain.delivery import (
    Accepted,
    Context,
    Delivery,
    Element,
    Ignored,
    Outcome,
    Rejected,
    RejectReason,
)
from services.ingest.domain.json_values import Json, JsonObject
from services.ingest.domain.media_types import require_json
from services.ingest.domain.said import Unusable, refuse
from services.ingest.domain.strict_json import parse_object, split
from services.ingest.providers import hubspot_api
from services.ingest.providers import hubspot_meaning as meaning
from services.ingest.providers.hubspot_meaning import Said
from services.ingest.providers.hubspot_objects import HubSpotObject, object_id, occurred_at, portal_of, value_text
from services.ingest.providers.hubspot_setup import SETUP
from services.ingest.providers.hubspot_signatures import authenticate, retry_after
from services.ingest.providers.hubspot_workflows import snapshot
from services.ingest.providers.provider import Provider
from shared.domain.changes import RecordChange, Verb
from shared.domain.instants import Micros
from shared.domain.sources import Source

_ACTIONS = {"creation", "deletion", "restore", "merge", "propertyChange", "associationChange", "privacyDeletion"}
_PLAIN_VERBS = {"deletion": Verb.DELETED, "restore": Verb.RESTORED}
_SILENT_ACTIONS = {"associationChange", "privacyDeletion"}
"""A privacy deletion comes with an ordinary one; an association that does not say of what kind it is says nothing."""
_ENDS = ("fromObjectId", "toObjectId")
_LONGEST_NAME = 64
"""Nothing that we know is called by so many characters."""


def parse(delivery: Delivery, source: Source) -> list[Element]:
    """An array of events (HubSpot sends up to 100), or a workflow's object."""
    require_json(delivery)
    return split(delivery.body, max_batch=source.limits.max_batch)


def translate(elements: list[Element], context: Context) -> list[Outcome]:
    """Each element on its own: one bad element must not cost its neighbours ten retries."""
    return [outcome for element in elements for outcome in _outcomes(element, context)]


def _outcomes(element: Element, context: Context) -> tuple[Outcome, ...]:
    event = parse_object(element, max_depth=context.source.limits.max_depth)
    if isinstance(event, Rejected):
        return (event,)
    try:
        if "subscriptionType" not in event and "eventType" not in event:
            return snapshot(element, event, context)
        return (_event(event, context),)
    except Unusable as error:
        return (Rejected(element, error.reason, error.detail),)


def _event(event: JsonObject, context: Context) -> Outcome:
    """What one event says. Raises: Unusable."""
    subscription = event.get("subscriptionType") or event.get("eventType")
    if not isinstance(subscription, str):
        refuse(RejectReason.MISSING_TYPE, "subscriptionType is a text")
    kind, action = _kind_and_action(subscription[:_LONGEST_NAME], _short(event.get("objectTypeId")))
    association = event.get("associationType")
    if action == "associationChange" and isinstance(association, str):
        return _association(event, context, association)
    if kind is None or action not in _ACTIONS:
        refuse(RejectReason.UNKNOWN_TYPE, f"{subscription[:80]} {str(event.get('objectTypeId'))[:40]}")
    if kind not in meaning.TRACKED or action in _SILENT_ACTIONS:
        return Ignored(subscription)
    if action == "merge":
        return Accepted(_merged(event, kind, context))
    if action == "propertyChange":
        return _property_change(event, kind, context)
    verb = _PLAIN_VERBS.get(action) or meaning.CREATION_VERBS.get(kind, "created")
    missing = meaning.LEFT_OUT.get(kind, ()) if action == "creation" else ()
    return Accepted((_changed(event, kind, context).says(Said(verb, action, missing=missing), _at(event, context)),))


@lru_cache(maxsize=256)
def _kind_and_action(subscription: str, object_type: str | None) -> tuple[str | None, str]:
    """Of what it speaks, and what happened; a portal has a few dozen subscriptions."""
    name, _, action = subscription.partition(".")
    return meaning.kind_of(object_type if name == "object" else name), action


def _short(value: Json) -> str | None:
    return str(value[:_LONGEST_NAME]) if isinstance(value, str) else None


def _changed(event: JsonObject, kind: str, context: Context) -> HubSpotObject:
    """Raises: Unusable."""
    return HubSpotObject(context, kind, object_id(event.get("objectId")), portal_of(event))


def _at(event: JsonObject, context: Context) -> Micros:
    """Raises: Unusable."""
    return occurred_at(event.get("occurredAt"), context.now)


def _property_change(event: JsonObject, kind: str, context: Context) -> Outcome:
    """What a property's new value says. Raises: Unusable."""
    at = _at(event, context)
    record = _changed(event, kind, context)
    name = event.get("propertyName")
    if not isinstance(name, str):
        refuse(RejectReason.INVALID_PROPERTY, "propertyName is a text")
    if event.get("isSensitive") is True and not meaning.is_ours(kind, name):
        return Ignored("a sensitive property")
    if "propertyValue" not in event:
        refuse(RejectReason.INVALID_PROPERTY, "propertyValue is missing; a cleared one is an empty text")
    value = value_text(event["propertyValue"])
    return Accepted((record.says(meaning.property_change(kind, name, value, source=context.source), at),))


def _association(event: JsonObject, context: Context, association: str) -> Outcome:
    """The company that is an object's primary one is its account; of other associations there may be many.

    It is told from both ends (``DEAL_TO_COMPANY``, ``COMPANY_TO_DEAL``): one event. Raises: Unusable.
    """
    names = association[:_LONGEST_NAME].split("_TO_")
    ends = {meaning.kind_of(name): event.get(end) for name, end in zip(names, _ENDS, strict=False)}
    kind = next((kind for kind in ends if kind in meaning.TRACKED), None)
    if kind is None or meaning.COMPANY not in ends or event.get("isPrimaryAssociation") is not True:
        return Ignored(f"associationChange:{association[:_LONGEST_NAME]}")
    removed = event.get("associationRemoved")
    if not isinstance(removed, bool):
        refuse(RejectReason.INVALID_FIELDS, "associationRemoved is true or false")
    record = HubSpotObject(context, kind, object_id(ends[kind]), portal_of(event))
    said = meaning.account(object_id(ends[meaning.COMPANY]), removed=removed)
    return Accepted((record.says(said, _at(event, context)),))


def _merged(event: JsonObject, kind: str, context: Context) -> tuple[RecordChange, ...]:
    """One change a loser. The survivor may be a new record; then the primary one is a loser too. Raises: Unusable."""
    at, portal = _at(event, context), portal_of(event)
    primary = object_id(event.get("primaryObjectId") or event.get("objectId"))
    survivor = object_id(event.get("newObjectId") or primary)
    others = event.get("mergedObjectIds")
    if not isinstance(others, list):
        refuse(RejectReason.INVALID_RECORD, "mergedObjectIds is an array")
    losers = dict.fromkeys([*map(object_id, others), primary])
    losers.pop(survivor, None)
    if not losers:
        refuse(RejectReason.INVALID_RECORD, "a merge without a loser")
    said = Said(Verb.MERGED, mark=f"merge:{survivor}", fields={"into": survivor})
    return tuple(HubSpotObject(context, kind, loser, portal).says(said, at) for loser in losers)


PROVIDER = Provider(
    name="hubspot",
    authenticate=authenticate,
    parse=parse,
    translate=translate,
    challenge="HubSpot-Signature-v3",
    retry_after=retry_after,
    api=hubspot_api.API,
    setup=SETUP,
)
