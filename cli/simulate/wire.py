"""What goes over the wire: elements of native and HubSpot deliveries, and HubSpot's v3 signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from itertools import count

from msgspec import Struct

from shared.domain.changes import Scalar
from shared.domain.instants import Micros, text

MILLISECOND_US = 1000
MAX_HUBSPOT_BATCH = 100
"""HubSpot never puts more events into one request."""
PORTAL = 247_279_312
APP = 51_879_189
CALL_TYPE = "0-48"
_DECODED = {"%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'"} | {
    "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip


class Element(Struct, frozen=True):
    """One event as its CRM words it; ``source`` is the id of the configured source that it belongs to."""

    source: str
    occurred_at: Micros
    body: dict[str, object]


class Numbers:
    """Object and event numbers that no other run of the simulator uses."""

    def __init__(self, started_at: Micros) -> None:
        self._numbers = count(started_at // 1_000_000 * 10_000_000 + 1)

    def take(self) -> int:
        """The next number; 64 bits hold it for ever."""
        return next(self._numbers)


class NativeWriter:
    """Words events for a native source."""

    def __init__(self, source: str, numbers: Numbers) -> None:
        self.source = source
        self._numbers = numbers

    def event(
        self, kind: str, at: Micros, *, record: str, rep: str | None = None, fields: Mapping[str, Scalar] | None = None
    ) -> Element:
        """One native event; ``rep`` None says nothing of the owner."""
        body: dict[str, object] = {
            "id": f"evt-{self._numbers.take()}",
            "type": kind,
            "occurred_at": text(at),
            "record": record,
        }
        if rep is not None:
            body["rep"] = rep
        if fields:
            body["fields"] = dict(fields)
        return Element(self.source, at, body)


class HubspotWriter:
    """Words events for a HubSpot app: deals by the classic subscriptions, calls by the generic ones.

    HubSpot's creations are thin: owner, amount and stage follow as property changes with ids of their own.
    """

    def __init__(self, source: str, numbers: Numbers) -> None:
        self._source = source
        self._numbers = numbers

    def deal(self, what: str, at: Micros, *, deal: int) -> Element:
        """``creation`` or ``deletion`` of a deal."""
        return self._element(f"deal.{what}", at, deal)

    def deal_property(self, at: Micros, *, deal: int, name: str, value: str) -> Element:
        """A deal's property has a new value."""
        return self._element("deal.propertyChange", at, deal, propertyName=name, propertyValue=value)

    def call(self, what: str, at: Micros, *, call: int) -> Element:
        """``creation`` or ``deletion`` of a call."""
        return self._element(f"object.{what}", at, call, objectTypeId=CALL_TYPE)

    def call_property(self, at: Micros, *, call: int, name: str, value: str) -> Element:
        """A call's property has a new value."""
        return self._element(
            "object.propertyChange", at, call, objectTypeId=CALL_TYPE, propertyName=name, propertyValue=value
        )

    def _element(self, subscription: str, at: Micros, record: int, **more: str) -> Element:
        body: dict[str, object] = {
            "eventId": self._numbers.take(),
            "subscriptionId": 3_849_713,
            "portalId": PORTAL,
            "appId": APP,
            "occurredAt": at // MILLISECOND_US,
            "subscriptionType": subscription,
            "attemptNumber": 0,
            "objectId": record,
            "changeSource": "CRM_UI",
            **more,
        }
        return Element(self._source, at, body)


def sign_v3(secret: str, *, uri: str, body: bytes, now: Micros) -> dict[str, str]:
    """The headers of a HubSpot v3 delivery: base64 HMAC-SHA256 over method, URI, body and time in ms."""
    sent_at = str(now // MILLISECOND_US)
    for encoded, plain in _DECODED.items():
        uri = uri.replace(encoded, plain)
    signed = b"".join((b"POST", uri.encode(), body, sent_at.encode()))
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return {"X-HubSpot-Signature-v3": base64.b64encode(digest).decode(), "X-HubSpot-Request-Timestamp": sent_at}
