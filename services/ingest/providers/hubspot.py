"""HubSpot app webhooks (arrays of thin events) and workflow webhooks (one object with its properties).

Two naming schemes exist side by side, ``deal.propertyChange`` and ``object.propertyChange`` with ``objectTypeId``. Both
lead to the same event ids, which say what changed (portal, object, property, value, time) rather than which
subscription said so: a change that arrives through both, or in several attempts, is one event.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from functools import lru_cache

from services.ingest.domain.credentials import any_equal, check_age, tolerance_of
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
from services.ingest.domain.json_values import Json, JsonObject, Number
from services.ingest.domain.media_types import require_json
from services.ingest.domain.refusals import RefusalReason, Refused
from services.ingest.domain.strict_json import parse_object, split
from services.ingest.providers import hubspot_api
from services.ingest.providers import hubspot_meaning as meaning
from services.ingest.providers.hubspot_meaning import Said, Unmeaning
from services.ingest.providers.hubspot_setup import SETUP
from services.ingest.providers.provider import Provider
from shared.domain.changes import RecordChange, Verb
from shared.domain.instants import DAY_US, Micros
from shared.domain.sources import Source

MILLISECOND_US = 1000
MAX_LEAD_US = DAY_US
_SIGNED_AT = re.compile(rb"\d{13}")
_MILLISECONDS = re.compile(r"\d{1,15}", re.ASCII)
_DECODED_IN_URI = re.compile(r"%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
"""HubSpot decodes exactly these before it signs."""
_ACTIONS = {"creation", "deletion", "restore", "merge", "propertyChange", "associationChange", "privacyDeletion"}
_PLAIN_VERBS = {"deletion": Verb.DELETED, "restore": Verb.RESTORED}
_LONGEST_NAME = 64
"""Nothing that we know is called by so many characters."""
_SILENT_ACTIONS = {"associationChange", "privacyDeletion"}
"""Known, and no number depends on them; a privacy deletion comes with an ordinary one."""


def authenticate(delivery: Delivery, source: Source, now: Micros) -> Micros | None:
    """Version 3 decides wherever it is present; 1 and 2, which cannot expire, only where the source allows them."""
    signature = delivery.header(b"x-hubspot-signature-v3")
    if signature is not None:
        return _check_v3(delivery, source, signature, now=now)
    signature = delivery.header(b"x-hubspot-signature")
    if signature is None:
        raise Refused(RefusalReason.MISSING_CREDENTIALS, "the X-HubSpot-Signature-v3 header is missing")
    version = (delivery.header(b"x-hubspot-signature-version") or b"v1").lower()
    if version == b"v1" and source.options.get("allow_legacy_v1") is True:
        _check_digest(signature, source, delivery.body)
        return None
    if version == b"v2" and source.options.get("allow_workflow_v2") is True:
        signed = delivery.method.encode() + _uri(delivery, source).encode() + delivery.body
        _check_digest(signature, source, signed)
        return None
    raise Refused(RefusalReason.VERSION_NOT_ALLOWED, "this source does not accept HubSpot's older signatures")


def _check_v3(delivery: Delivery, source: Source, signature: bytes, *, now: Micros) -> Micros:
    stamp = delivery.header(b"x-hubspot-request-timestamp") or b""
    if _SIGNED_AT.fullmatch(stamp) is None:
        raise Refused(RefusalReason.INVALID_TIMESTAMP, "X-HubSpot-Request-Timestamp is 13 digits of milliseconds")
    uri = _DECODED_IN_URI.sub(lambda match: chr(int(match[0][1:], 16)), _uri(delivery, source))
    signed = delivery.method.encode() + uri.encode() + delivery.body + stamp
    expected = (base64.b64encode(hmac.digest(secret.encode(), signed, hashlib.sha256)) for secret in source.secrets)
    if not any_equal(signature, expected):
        raise Refused(RefusalReason.BAD_SIGNATURE, "the signature does not match this body, address and secret")
    signed_at = int(stamp) * MILLISECOND_US
    check_age(signed_at, now, tolerance=tolerance_of(source))
    return signed_at


def _check_digest(signature: bytes, source: Source, signed: bytes) -> None:
    expected = (hashlib.sha256(secret.encode() + signed).hexdigest().encode() for secret in source.secrets)
    if not any_equal(signature, expected):
        raise Refused(RefusalReason.BAD_SIGNATURE, "the signature does not match this body, address and secret")


def _uri(delivery: Delivery, source: Source) -> str:
    """The configured public address; what the request says of scheme and host depends on proxies."""
    return f"{source.public_url}?{delivery.query}" if delivery.query else source.public_url


def parse(delivery: Delivery, source: Source) -> list[Element]:
    """An array of events (HubSpot sends up to 100), or a workflow's object."""
    require_json(delivery)
    return split(delivery.body, max_batch=source.limits.max_batch)


def translate(elements: list[Element], context: Context) -> list[Outcome]:
    """Each element on its own: one bad element must not cost its neighbours ten retries."""
    return [_outcome(element, context) for element in elements]


def _outcome(element: Element, context: Context) -> Outcome:
    event = parse_object(element, max_depth=context.source.limits.max_depth)
    if isinstance(event, Rejected):
        return event
    try:
        if "subscriptionType" not in event and "eventType" not in event:
            return Accepted(_snapshot(event, context))
        return _event(event, context)
    except Unmeaning as error:
        return Rejected(element, error.reason, error.detail)


def _event(event: JsonObject, context: Context) -> Outcome:
    subscription = event.get("subscriptionType") or event.get("eventType")
    if not isinstance(subscription, str):
        raise Unmeaning(RejectReason.MISSING_TYPE, "subscriptionType is a text")
    object_type = event.get("objectTypeId")
    kind, action = _kind_and_action(subscription[:_LONGEST_NAME], _short(object_type))
    if kind is None or action not in _ACTIONS:
        raise Unmeaning(RejectReason.UNKNOWN_TYPE, f"{subscription[:80]} {str(object_type)[:40]}")
    if action in _SILENT_ACTIONS or kind not in meaning.TRACKED:
        return Ignored(subscription)
    record = _Record(context, kind=kind, portal=_text(event.get("portalId")))
    at = _occurred_at(event.get("occurredAt"), context.now)
    if action == "merge":
        return Accepted(_merged(event, record, at))
    object_id = _object_id(event.get("objectId"))
    if action == "propertyChange":
        said = meaning.property_change(kind, _property(event), _value(event), source=context.source)
        return Accepted((record.change(object_id, said, at),))
    verb = _PLAIN_VERBS.get(action) or meaning.CREATION_VERBS.get(kind, "created")
    missing = meaning.LEFT_OUT.get(kind, ()) if action == "creation" else ()
    return Accepted((record.change(object_id, Said(verb, mark=action, missing=missing), at),))


@lru_cache(maxsize=256)
def _kind_and_action(subscription: str, object_type: str | None) -> tuple[str | None, str]:
    """Of what it speaks, and what happened; a portal has a few dozen subscriptions."""
    name, _, action = subscription.partition(".")
    return meaning.kind_of(object_type if name == "object" else name), action


def _short(value: Json) -> str | None:
    return str(value[:_LONGEST_NAME]) if isinstance(value, str) else None


class _Record:
    """Builds the changes of one object: everything but what was said."""

    def __init__(self, context: Context, *, kind: str, portal: str) -> None:
        self._context = context
        self._kind = kind
        self._portal = portal

    def change(self, object_id: str, said: Said, at: Micros) -> RecordChange:
        return RecordChange(
            tenant=self._context.source.tenant,
            source=self._context.source.id,
            record_type=self._kind,
            record=object_id,
            verb=said.verb,
            event=f"{self._portal}:{self._kind}:{object_id}:{said.mark}@{at // MILLISECOND_US}",
            occurred_at=at,
            received_at=self._context.received_at,
            fields=said.fields,
            owner=said.owner,
            times=said.times,
            delivery=self._context.delivery,
            missing=said.missing,
        )


def _merged(event: JsonObject, record: _Record, at: Micros) -> tuple[RecordChange, ...]:
    """One change a loser. The survivor may be a new record; then the primary one is a loser too."""
    primary = _object_id(event.get("primaryObjectId") or event.get("objectId"))
    survivor = _object_id(event.get("newObjectId") or primary)
    others = event.get("mergedObjectIds")
    if not isinstance(others, list):
        raise Unmeaning(RejectReason.INVALID_RECORD, "mergedObjectIds is an array")
    losers = dict.fromkeys([*map(_object_id, others), primary])
    losers.pop(survivor, None)
    if not losers:
        raise Unmeaning(RejectReason.INVALID_RECORD, "a merge without a loser")
    said = Said(Verb.MERGED, mark=f"merge={survivor}", fields={"into": survivor})
    return tuple(record.change(loser, said, at) for loser in losers)


def _snapshot(event: JsonObject, context: Context) -> tuple[RecordChange, ...]:
    """A workflow's body: the object as the API returns it. A property's own time, else the newest, else its receipt."""
    kind = meaning.kind_of(event.get("objectTypeId") or event.get("objectType"))
    properties = event.get("properties")
    if kind is None or kind not in meaning.TRACKED or not isinstance(properties, dict):
        raise Unmeaning(RejectReason.UNKNOWN_TYPE, "neither an event nor a HubSpot object that we know")
    record = _Record(context, kind=kind, portal=_text(event.get("portalId")))
    object_id = _object_id(event.get("objectId") or event.get("id"))
    stamps = {name: item.get("timestamp") for name, item in properties.items() if isinstance(item, dict)}
    known = {name: _occurred_at(stamp, context.now) for name, stamp in stamps.items() if stamp is not None}
    newest = max(known.values(), default=context.received_at)
    changes = []
    for name, item in properties.items():
        value = item.get("value") if isinstance(item, dict) else item
        said = meaning.property_change(kind, name, _property_value(value), source=context.source)
        changes.append(record.change(object_id, said, known.get(name, newest)))
    return tuple(changes)


def _property(event: JsonObject) -> str:
    name = event.get("propertyName")
    if not isinstance(name, str) or not 0 < len(name) <= 200:
        raise Unmeaning(RejectReason.INVALID_PROPERTY, "propertyName is a text of 1 to 200 characters")
    return name


def _value(event: JsonObject) -> str | None:
    return _property_value(event.get("propertyValue"))


def _property_value(value: Json) -> str | None:
    """HubSpot's values are texts; a cleared one is empty."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str):
        return str(value) if value else None
    raise Unmeaning(RejectReason.INVALID_PROPERTY, "a property's value is a text")


def _object_id(value: Json) -> str:
    """Ids are 64-bit numbers; text from here on, so that nobody rounds them."""
    if not isinstance(value, str) or not value.isascii() or not value.isdigit() or len(value) > 20:
        raise Unmeaning(RejectReason.INVALID_RECORD, "an object's id is a whole number")
    return str(value)


def _occurred_at(value: Json, now: Micros) -> Micros:
    if value is None:
        raise Unmeaning(RejectReason.MISSING_TIME, "occurredAt is required")
    if not isinstance(value, str) or _MILLISECONDS.fullmatch(value) is None:
        raise Unmeaning(RejectReason.INVALID_TIME, "a time is a whole number of milliseconds")
    occurred_at = int(value) * MILLISECOND_US
    if occurred_at > now + MAX_LEAD_US:
        raise Unmeaning(RejectReason.FUTURE_TIME, "the event is more than 24 hours ahead of our clock")
    return occurred_at


def _text(value: Json) -> str:
    return str(value)[:40] if isinstance(value, Number) else ""


PROVIDER = Provider(
    name="hubspot",
    authenticate=authenticate,
    parse=parse,
    translate=translate,
    challenge="HubSpot-Signature-v3",
    api=hubspot_api.API,
    setup=SETUP,
)
