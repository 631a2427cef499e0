"""Salesforce outbound messages: SOAP with up to 100 notifications, acknowledged as one.

There is no signature: the address carries a token that nobody can guess, and the organisation must be a known one. Each
notification holds the record's values of now, without an event type: what happened is read from those. An element is
one notification with its organisation, without the session id, which is a live credential.
"""

from __future__ import annotations

from services.ingest.domain import said
from services.ingest.domain.credentials import any_equal
from services.ingest.domain.delivery import (
    Accepted,
    Answer,
    Context,
    Delivery,
    Element,
    Ignored,
    Outcome,
    Receipt,
    Rejected,
    RejectReason,
)
from services.ingest.domain.json_values import Json, JsonObject
from services.ingest.domain.media_types import require_xml
from services.ingest.domain.refusals import RefusalReason, Refused, no_such_source
from services.ingest.domain.said import Unusable
from services.ingest.providers import salesforce_meaning as meaning
from services.ingest.providers.provider import Provider
from services.ingest.providers.salesforce_outbound_message_setup import SETUP
from services.ingest.providers.salesforce_state import Kind, State, version_time
from services.ingest.providers.salesforce_xml import XSI, XmlElement, decoded, read, written
from shared.domain.instants import Micros
from shared.domain.salesforce_ids import long_form
from shared.domain.sources import Source

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
OUTBOUND = "http://soap.sforce.com/2005/09/outbound"
SOBJECT = "urn:sobject.enterprise.soap.sforce.com"
ACK = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>\n'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>\n'
    b"</soapenv:Body></soapenv:Envelope>"
)
"""Exactly this element; 200 with anything else is a failure for Salesforce."""
_SESSION = "SessionId"
_HIDDEN = "***"
_KEPT_DEPTH = 1000
"""What was kept once passed its source's limit."""
_SHORTEST_SESSION = 6
"""What is shorter would be found in innocent words."""


def authenticate(delivery: Delivery, source: Source, now: Micros) -> Micros | None:  # noqa: ARG001 - a token has no age
    """The path's token; whoever does not know it learns nothing, not even that the source exists."""
    given = delivery.path_token.encode(errors="replace")
    if not any_equal(given, (secret.encode() for secret in source.secrets)):
        raise no_such_source()
    return None


def parse(delivery: Delivery, source: Source) -> list[Element]:
    """The notifications of one organisation that the source names. Raises: Refused."""
    require_xml(delivery)
    notifications = _notifications(read(decoded(delivery), max_depth=source.limits.max_depth))
    organisation = _organisation(notifications)
    allowed = source.options.get("organization_ids", ())
    known = {long_form(name) for name in allowed} if isinstance(allowed, tuple) else set()
    if organisation not in known:
        raise Refused(RefusalReason.UNKNOWN_ORGANISATION, "the message is of no organisation that this source names")
    found = notifications.all("Notification", OUTBOUND)
    if len(found) > source.limits.max_batch:
        detail = f"this source takes {source.limits.max_batch} notifications at once"
        raise Refused(RefusalReason.TOO_MANY_ELEMENTS, detail)
    sessions = {session.text.strip() for session in notifications.all(_SESSION, OUTBOUND)}
    secrets = sorted(session for session in sessions if len(session) >= _SHORTEST_SESSION)
    return [_element(index, one, organisation, secrets) for index, one in enumerate(found)]


def reread(raw: bytes) -> Element:
    """The notification that quarantine kept. Raises: Refused."""
    notifications = read(raw.decode(errors="replace"), max_depth=_KEPT_DEPTH)
    found = notifications.all("Notification", OUTBOUND)
    if len(found) != 1:
        raise Refused(RefusalReason.MALFORMED_BODY, "what was kept is not one notification")
    return _element(0, found[0], _organisation(notifications), [])


def _notifications(envelope: XmlElement) -> XmlElement:
    bodies = envelope.all("Body", SOAP) if (envelope.name, envelope.namespace) == ("Envelope", SOAP) else []
    found = [one for body in bodies for one in body.all("notifications", OUTBOUND)]
    if len(found) != 1:
        raise Refused(RefusalReason.MALFORMED_BODY, "the body is no SOAP envelope with one notifications element")
    return found[0]


def _organisation(notifications: XmlElement) -> str:
    """18 characters; empty where none is named, or more than one."""
    named = {long_form(one.text.strip()) for one in notifications.all("OrganizationId", OUTBOUND)}
    return named.pop() if len(named) == 1 else ""


def _element(index: int, notification: XmlElement, organisation: str, secrets: list[str]) -> Element:
    _hide(notification, secrets)
    objects = notification.all("sObject", OUTBOUND)
    sobject = objects[0] if len(objects) == 1 else XmlElement("")
    value: JsonObject = {
        "organisation": organisation,
        "notification": next((one.text for one in notification.all("Id", OUTBOUND)), None),
        "object": sobject.type,
        "fields": {field.name: _value(field) for field in sobject.children},
    }
    return Element(index, _raw(notification, organisation), value)


def _hide(element: XmlElement, secrets: list[str]) -> None:
    """A session id is nowhere in what we keep, wherever an administrator's formula has put it."""
    if element.name == _SESSION:
        element.children, element.text = [], _HIDDEN
    for secret in secrets:
        element.text = element.text.replace(secret, _HIDDEN)
    for child in element.children:
        _hide(child, secrets)


def _raw(notification: XmlElement, organisation: str) -> bytes:
    organisation_id = written("OrganizationId", XmlElement("", text=organisation), "sf:")
    parts = "".join(
        written(child.name if child.namespace == OUTBOUND else f"sf:{child.name}", child, "sf:")
        for child in notification.children
    )
    return (
        f'<notifications xmlns="{OUTBOUND}" xmlns:xsi="{XSI}" xmlns:sf="{SOBJECT}">'
        f"{organisation_id}<Notification>{parts}</Notification></notifications>"
    ).encode()


def _value(field: XmlElement) -> Json:
    """None where it is nil; true and false as such; what has parts as an object of them."""
    if field.nil:
        return None
    if field.children:
        return {child.name: _value(child) for child in field.children}
    return {"true": True, "false": False}.get(field.text, field.text)


def translate(elements: list[Element], context: Context) -> list[Outcome]:
    """Each notification on its own: one that cannot be used must not keep the others from being acknowledged."""
    return [_outcome(element, context) for element in elements]


def _outcome(element: Element, context: Context) -> Outcome:
    value = element.value
    try:
        if not isinstance(value, dict) or not isinstance(fields := value.get("fields"), dict):
            said.refuse(RejectReason.NOT_AN_OBJECT, "there is no notification in it")
        name = value.get("object")
        if not name or not isinstance(name, str):
            said.refuse(RejectReason.MISSING_TYPE, "the notification has no sObject with an xsi:type")
        if meaning.is_silent(name):
            return Ignored(name)
        meaning.require_known(name)
        notification = said.identifier(value.get("notification"), "Notification/Id", reason=RejectReason.MISSING_ID)
        at = said.not_ahead(version_time(fields), context.now, "LastModifiedDate")
        state = State(name, said.identifier(fields.get("Id"), "sf:Id"), Kind.SNAPSHOT, fields)
        event = f"{value.get('organisation')}:{long_form(notification.strip())}"
        return Accepted(meaning.changes(state, context, event=event, at=at))
    except Unusable as error:
        return Rejected(element, error.reason, error.detail)


def answer(receipt: Receipt, delivery: Delivery, source: Source) -> Answer:  # noqa: ARG001 - one word for all
    """The acknowledgement; it is only made when every notification is stored."""
    return Answer(200, b"text/xml; charset=utf-8", ACK)


PROVIDER = Provider(
    name="salesforce_outbound_message",
    authenticate=authenticate,
    parse=parse,
    translate=translate,
    answer=answer,
    reread=reread,
    path_token=True,
    setup=SETUP,
)
