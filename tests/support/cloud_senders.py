"""Senders of CloudEvents and of Standard Webhooks, right unless told to be wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.domain.sources import Source

TOKEN = "cloud+token/1"
STRUCTURED = "application/cloudevents+json; charset=utf-8"
BATCHED = "application/cloudevents-batch+json; charset=utf-8"
AT = "2026-11-23T09:30:00.123456Z"
AT_US = 1795426200123456
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PRIVATE_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PUBLIC_KEY = "whpk_" + base64.b64encode(PRIVATE_KEY.public_key().public_bytes_raw()).decode()
DEAL = {"deal_id": "8", "amount": "1200.50", "currency": "EUR", "owner_id": "u1"}


def cloudevents_source(**others: Any) -> Source:
    defaults: dict[str, Any] = {
        "id": "cloudevents",
        "tenant": "acme",
        "provider": "cloudevents",
        "secrets": ("old", TOKEN),
    }
    return Source(**defaults | others)


def standard_source(**others: Any) -> Source:
    defaults: dict[str, Any] = {
        "id": "standard",
        "tenant": "acme",
        "provider": "standard_webhooks",
        "secrets": ("whsec_" + base64.b64encode(b"o" * 32).decode(), SECRET, PUBLIC_KEY),
    }
    return Source(**defaults | others)


def cloud_event(event_type: Any = "com.example.crm.deal.won", **others: Any) -> dict[str, Any]:
    """A structured event; an attribute given as ``...`` is left out."""
    defaults: dict[str, Any] = {
        "specversion": "1.0",
        "type": event_type,
        "source": "https://crm.example.com/tenants/7",
        "id": "C-1",
        "time": AT,
        "datacontenttype": "application/json",
        "data": DEAL,
    }
    return {name: value for name, value in (defaults | others).items() if value is not ...}


async def send_event(
    http: httpx.AsyncClient,
    body: Any,
    *,
    content_type: str | None = STRUCTURED,
    token: str | None = TOKEN,
    query: str = "",
    headers: Mapping[str, str | bytes] | None = None,
) -> httpx.Response:
    """Posts an event, a list of them, or bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent: dict[str, str | bytes] = dict(headers or {})
    if content_type is not None:
        sent["Content-Type"] = content_type
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    path = "/v1/webhooks/cloudevents" + (f"?{query}" if query else "")
    return await http.post(path, content=content, headers=sent)


async def send_binary(
    http: httpx.AsyncClient, body: Any = DEAL, *, content_type: str | None = "application/json", **attributes: Any
) -> httpx.Response:
    """Posts an event in binary mode; attributes as raw header values, one given as ``...`` is left out."""
    defaults: dict[str, Any] = {
        "specversion": "1.0",
        "type": "com.example.crm.deal.won",
        "source": "https://crm.example.com/tenants/7",
        "id": "B-1",
        "time": AT,
    }
    headers = {f"ce-{name}": value for name, value in (defaults | attributes).items() if value is not ...}
    return await send_event(http, body, content_type=content_type, headers=headers)


def payload(event_type: Any = "deal.won", **others: Any) -> dict[str, Any]:
    """What a standard webhook says; a key given as ``...`` is left out."""
    defaults: dict[str, Any] = {"type": event_type, "timestamp": AT, "data": DEAL}
    return {name: value for name, value in (defaults | others).items() if value is not ...}


def v1(body: bytes, message_id: str, stamp: str, *, secret: str = SECRET) -> str:
    """As the specification computes it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{stamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def v1a(body: bytes, message_id: str, stamp: str) -> str:
    """The same, asymmetric."""
    signed = f"{message_id}.{stamp}.".encode() + body
    return "v1a," + base64.b64encode(PRIVATE_KEY.sign(signed)).decode()


async def send_standard(
    http: httpx.AsyncClient,
    body: Any,
    *,
    now: int,
    message_id: str = "msg_1",
    stamp: str | None = None,
    signature: str | None = None,
    prefix: str = "webhook",
    content_type: str | None = "application/json",
) -> httpx.Response:
    """Posts a payload, or bytes as they are. ``now``: Unix seconds of the signature."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    at = stamp if stamp is not None else str(now)
    given = signature if signature is not None else v1(content, message_id, at)
    headers = {
        f"{prefix}-id": message_id.encode(),
        f"{prefix}-timestamp": at.encode("latin-1"),
        f"{prefix}-signature": given.encode("latin-1"),
    }
    if content_type is not None:
        headers["content-type"] = content_type.encode()
    return await http.post("/v1/webhooks/standard", content=content, headers=headers)
