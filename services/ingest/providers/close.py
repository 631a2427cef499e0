"""Close's webhooks: one event of the event log each.

An event is *consolidated*: until it is sent, and again afterwards, later updates of the object go into the same event,
which keeps its id and gets a newer ``date_updated``. So that date is the version, and with the id the identity.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator

from services.ingest.domain.credentials import any_equal, check_age, tolerance_of
from services.ingest.domain.delivery import (
    Context,
    Delivery,
    Element,
    Ignored,
    Outcome,
    RejectReason,
)
from services.ingest.domain.json_values import JsonObject
from services.ingest.domain.media_types import require_json
from services.ingest.domain.one_by_one import outcome_of
from services.ingest.domain.refusals import RefusalReason, Refused
from services.ingest.domain.said import identifier, instant, not_ahead, optional_identifier, optional_object, refuse
from services.ingest.domain.statements import accepted
from services.ingest.domain.strict_json import one_object
from services.ingest.providers import close_meaning as meaning
from services.ingest.providers.close_meaning import Notice
from services.ingest.providers.close_setup import SETUP
from services.ingest.providers.provider import Provider
from shared.domain.instants import SECOND_US, Micros
from shared.domain.sources import Source

_SIGNED_AT = re.compile(rb"\d{1,12}")


def authenticate(delivery: Delivery, source: Source, now: Micros) -> Micros:
    """HMAC-SHA256 over timestamp and body, its key the *decoded* hex key. Too old is only said of a valid signature."""
    signature = delivery.header(b"close-sig-hash")
    stamp = delivery.header(b"close-sig-timestamp")
    if signature is None or stamp is None:
        raise Refused(RefusalReason.MISSING_CREDENTIALS, "the close-sig-hash or close-sig-timestamp header is missing")
    if _SIGNED_AT.fullmatch(stamp) is None:
        raise Refused(RefusalReason.INVALID_TIMESTAMP, "close-sig-timestamp is a whole number of seconds")
    signed = stamp + delivery.body
    expected = (hmac.digest(key, signed, hashlib.sha256).hex().encode() for key in _keys(source))
    if not any_equal(signature.lower(), expected):
        raise Refused(RefusalReason.BAD_SIGNATURE, "the signature does not match this body, timestamp and key")
    signed_at = int(stamp) * SECOND_US
    check_age(signed_at, now, tolerance=tolerance_of(source))
    return signed_at


def _keys(source: Source) -> Iterator[bytes]:
    """The keys; the configuration refuses a secret that is no hex, and so is none here."""
    for secret in source.secrets:
        try:
            yield bytes.fromhex(secret)
        except ValueError:
            continue


def parse(delivery: Delivery, source: Source) -> list[Element]:  # noqa: ARG001 - every source's body is one object
    """One object. Raises: Refused."""
    require_json(delivery)
    return one_object(delivery.body)


def translate(elements: list[Element], context: Context) -> list[Outcome]:
    """What the event says."""
    return [outcome_of(element, context, _meaning) for element in elements]


def _meaning(body: JsonObject, context: Context) -> Outcome:
    event = optional_object(body.get("event"), "event") or {}
    kind, action = _type(event)
    if kind in meaning.SILENT:
        return Ignored(f"{kind}.{action}")
    notice = _notice(event, kind=kind, action=action, now=context.now)
    return accepted(meaning.statements(notice, context.source), event=notice.event, at=notice.at, context=context)


def _type(event: JsonObject) -> tuple[str, str]:
    """The type of the object and what happened to it. Raises: Unusable."""
    object_type, action = event.get("object_type"), event.get("action")
    if object_type is None or action is None:
        refuse(RejectReason.MISSING_TYPE, "event.object_type and event.action are required")
    if not isinstance(object_type, str) or not isinstance(action, str):
        refuse(RejectReason.INVALID_TYPE, "event.object_type and event.action are texts")
    if object_type not in meaning.SILENT and not meaning.knows(object_type, action):
        refuse(RejectReason.UNKNOWN_TYPE, f"{object_type[:60]}.{action[:40]}")
    return object_type, action


def _notice(event: JsonObject, *, kind: str, action: str, now: Micros) -> Notice:
    organisation = optional_identifier(event.get("organization_id"), "organization_id") or ""
    event_id = identifier(event.get("id"), "event.id", reason=RejectReason.MISSING_ID)
    version = event.get("date_updated") or event.get("date_created")
    return Notice(
        object_type=kind,
        action=action,
        record=identifier(event.get("object_id"), "object_id"),
        event=f"{organisation}:{event_id}",
        at=not_ahead(instant(version, "date_updated"), now, "date_updated"),
        data=optional_object(event.get("data"), "data"),
        before=optional_object(event.get("previous_data"), "previous_data") or {},
        lead=optional_identifier(event.get("lead_id"), "lead_id"),
        meta=optional_object(event.get("meta"), "meta") or {},
    )


PROVIDER = Provider(
    name="close", authenticate=authenticate, parse=parse, translate=translate, challenge="Close-Signature", setup=SETUP
)
