"""Each provider's sender: its source, and how it authenticates any body at all."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from shared.domain.instants import SECOND_US, Micros
from shared.domain.sources import Limits, Source
from tests.support.crm_sender import v3_signature
from tests.support.salesforce_messages import ORGANISATION

SECRETS = {
    "hubspot": "11111111-2222-4333-8444-555555555555",
    "salesforce_outbound_message": "om_9f1c2d7a4b-path-token",
    "close": "c0ffee00" * 8,
    "standard_webhooks": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "zoho": "zoho-channel-token",
}
"""Those of a certain form; every other provider's is its name with what follows."""
OPTIONS: dict[str, dict[str, Any]] = {
    "salesforce_outbound_message": {"organization_ids": (ORGANISATION,)},
    "hubspot": {"allow_legacy_v1": True, "allow_workflow_v2": True},
    "pipedrive": {"username": "pd-hook"},
    "cloudevents": {"allowed_origins": ("crm.example.com",), "access_token_query": True},
}
UNLIMITED = Limits(requests_per_second=1e9, burst=10**9)


class Request(NamedTuple):
    """What goes over the wire; header names in lower case."""

    headers: dict[str, str]
    body: bytes
    query: str = ""
    path_token: str = ""


Authenticated = Callable[[Source, Request, Micros], Request]


def secret_of(provider: str) -> str:
    return SECRETS.get(provider, f"{provider}-secret-4711")


def source_of(provider: str, **others: Any) -> Source:
    """The provider's source, under the provider's name as id."""
    defaults: dict[str, Any] = {
        "id": provider.replace("_", "-"),
        "tenant": "acme",
        "provider": provider,
        "secrets": (secret_of(provider),),
        "public_url": f"https://hooks.example.com/v1/webhooks/{provider.replace('_', '-')}",
        "options": OPTIONS.get(provider, {}),
        "limits": UNLIMITED,
    }
    return Source(**defaults | others)


def _bearer(source: Source, request: Request, now: Micros) -> Request:  # noqa: ARG001 - as the others
    return request._replace(headers=request.headers | {"authorization": f"Bearer {source.secrets[0]}"})


def _hubspot(source: Source, request: Request, now: Micros) -> Request:
    stamp = str(now // 1000)
    url = source.public_url + (f"?{request.query}" if request.query else "")
    signature = v3_signature(source.secrets[0], url=url, body=request.body, stamp=stamp)
    signed = {"x-hubspot-request-timestamp": stamp, "x-hubspot-signature-v3": signature}
    return request._replace(headers=request.headers | signed)


def _path(source: Source, request: Request, now: Micros) -> Request:  # noqa: ARG001 - as the others
    return request._replace(path_token=source.secrets[0])


def _basic(source: Source, request: Request, now: Micros) -> Request:  # noqa: ARG001 - as the others
    pair = base64.b64encode(f"pd-hook:{source.secrets[0]}".encode()).decode()
    return request._replace(headers=request.headers | {"authorization": f"Basic {pair}"})


def _close(source: Source, request: Request, now: Micros) -> Request:
    stamp = str(now // SECOND_US)
    digest = hmac.new(bytes.fromhex(source.secrets[0]), stamp.encode() + request.body, hashlib.sha256).hexdigest()
    return request._replace(headers=request.headers | {"close-sig-timestamp": stamp, "close-sig-hash": digest})


def _zoho(source: Source, request: Request, now: Micros) -> Request:  # noqa: ARG001 - as the others
    """The token is in the body: put behind whatever the edits have left of it."""
    body = request.body.rstrip()
    if body.startswith(b"{") and body.endswith(b"}"):
        rest = b"" if body[1:-1].strip() == b"" else b","
        body = body[:-1] + rest + b'"token":' + json.dumps(source.secrets[0]).encode() + b"}"
    return request._replace(body=body)


def _code(source: Source, request: Request, now: Micros) -> Request:  # noqa: ARG001 - as the others
    more = f"&{request.query}" if request.query else ""
    return request._replace(query=f"code={source.secrets[0]}{more}")


def _standard(source: Source, request: Request, now: Micros) -> Request:
    stamp, identity = str(now // SECOND_US), f"msg_{hashlib.sha256(request.body).hexdigest()[:20]}"
    key = base64.b64decode(source.secrets[0].removeprefix("whsec_"))
    digest = hmac.new(key, f"{identity}.{stamp}.".encode() + request.body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    signed = {"webhook-id": identity, "webhook-timestamp": stamp, "webhook-signature": signature}
    return request._replace(headers=request.headers | signed)


AUTHENTICATED: dict[str, Authenticated] = {
    "native": _bearer,
    "salesforce_cdc": _bearer,
    "zendesk_sell": _bearer,
    "cloudevents": _bearer,
    "hubspot": _hubspot,
    "salesforce_outbound_message": _path,
    "pipedrive": _basic,
    "close": _close,
    "zoho": _zoho,
    "dataverse": _code,
    "standard_webhooks": _standard,
}
