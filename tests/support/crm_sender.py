"""A CRM that sends as the real ones do, unless told to be wrong: a switch for each way to be."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import httpx

from shared.domain.instants import Micros
from tests.support.manual_clock import ManualClock

NATIVE_TOKEN = "native-token"
HUBSPOT_SECRET = "11111111-2222-4333-8444-555555555555"
HUBSPOT_URL = "https://hooks.example.com/v1/webhooks/hubspot"
OCCURRED_AT = "2026-11-23T09:30:00Z"
OCCURRED_AT_MS = 1795426200000


def event(event_id: Any = "evt-1", event_type: Any = "deal.won", **others: Any) -> dict[str, Any]:
    """A native event; name only what matters."""
    return {"id": event_id, "type": event_type, "occurred_at": OCCURRED_AT} | others


def hubspot_event(subscription: str = "deal.propertyChange", **others: Any) -> dict[str, Any]:
    """A HubSpot event as it is on the wire; name only what matters."""
    defaults: dict[str, Any] = {
        "eventId": 1,
        "subscriptionId": 3849713,
        "portalId": 247279312,
        "appId": 51879189,
        "occurredAt": OCCURRED_AT_MS,
        "subscriptionType": subscription,
        "attemptNumber": 0,
        "objectId": 41122334455,
        "changeSource": "CRM_UI",
        "sourceId": "userId:98499705",
    }
    return defaults | others


def deal_property(name: str, value: str, **others: Any) -> dict[str, Any]:
    """A changed property of a deal."""
    return hubspot_event(propertyName=name, propertyValue=value, **others)


def object_property(object_type_id: str, name: str, value: str, **others: Any) -> dict[str, Any]:
    """A changed property in the generic naming scheme."""
    said = {"objectTypeId": object_type_id, "propertyName": name, "propertyValue": value}
    return hubspot_event("object.propertyChange", **said, **others)


def v3_signature(secret: str, *, url: str, body: bytes, stamp: str, method: str = "POST") -> str:
    """As HubSpot computes it."""
    return base64.b64encode(
        hmac.digest(secret.encode(), f"{method}{url}".encode() + body + stamp.encode(), "sha256")
    ).decode()


class CrmSender:
    """Posts to an ingest service and signs like the real sender."""

    def __init__(self, http: httpx.AsyncClient, clock: ManualClock) -> None:
        self._http = http
        self._clock = clock

    async def native(
        self,
        events: Any,
        *,
        source: str = "native",
        token: str | None = NATIVE_TOKEN,
        scheme: str = "Bearer",
        content_type: str | None = "application/json",
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        path_token: str = "",
    ) -> httpx.Response:
        """Sends native events: an object or a list, or bytes or text as they are."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"{scheme} {token}"
        if content_type is not None:
            sent["Content-Type"] = content_type
        path = f"/v1/webhooks/{source}{path_token}"
        return await self._http.request(method, path, content=_body(events), headers=sent)

    async def hubspot(
        self,
        events: Any,
        *,
        secret: str = HUBSPOT_SECRET,
        query: str = "",
        signed_url: str = HUBSPOT_URL,
        age_us: Micros = 0,
        stamp: str | None = None,
        tampered: bool = False,
        signature: str | None = None,
        unsigned: bool = False,
        legacy_v1: bool = False,
        workflow_v2: bool = False,
        more_headers: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> httpx.Response:
        """Sends HubSpot events. ``age_us``: how long ago it was signed; ``signed_url``: what the sender believed."""
        body = _body(events)
        address = f"{signed_url}?{query}" if query else signed_url
        headers: dict[str, bytes | str] = {"Content-Type": content_type} | dict(more_headers or {})
        if legacy_v1:
            headers |= _digest_headers("v1", secret.encode() + body)
        elif workflow_v2:
            headers |= _digest_headers("v2", f"{secret}POST{address}".encode() + body)
        elif not unsigned:
            at = stamp if stamp is not None else str((self._clock.now() - age_us) // 1000)
            given = signature or v3_signature(secret, url=address, body=body, stamp=at)
            headers |= {"X-HubSpot-Request-Timestamp": at, "X-HubSpot-Signature-v3": given.encode("latin-1")}
        path = f"/v1/webhooks/hubspot?{query}" if query else "/v1/webhooks/hubspot"
        return await self._http.post(path, content=body + b" " if tampered else body, headers=headers)


def _digest_headers(version: str, signed: bytes) -> dict[str, bytes | str]:
    return {"X-HubSpot-Signature-Version": version, "X-HubSpot-Signature": hashlib.sha256(signed).hexdigest()}


def _body(events: Any) -> bytes:
    if isinstance(events, bytes):
        return events
    return events.encode() if isinstance(events, str) else json.dumps(events).encode()
