"""Close as it sends: events of its event log, signed."""

from __future__ import annotations

import hmac
import json
from typing import Any

import httpx

from shared.domain.instants import SECOND_US, Micros
from shared.domain.sources import Source

KEY = "c0ffee" * 10 + "c0ff"
AT = "2026-11-23T09:30:00.123456"
AT_US = 1795426200123456
OWNER = "user_ana"


def close_source(**others: Any) -> Source:
    defaults: dict[str, Any] = {"id": "close", "tenant": "acme", "provider": "close", "secrets": ("00ff", KEY)}
    return Source(**defaults | others)


def opportunity(**others: Any) -> dict[str, Any]:
    """An opportunity; name only what matters."""
    defaults: dict[str, Any] = {
        "id": "oppo_1",
        "status_type": "active",
        "status_id": "stat_active",
        "status_label": "Active",
        "value": 100000,
        "value_currency": "USD",
        "value_period": "one_time",
        "date_won": None,
        "user_id": OWNER,
        "lead_id": "lead_1",
    }
    return defaults | others


def call(**others: Any) -> dict[str, Any]:
    """A call of two minutes."""
    defaults: dict[str, Any] = {
        "id": "acti_1",
        "user_id": OWNER,
        "lead_id": "lead_1",
        "direction": "outbound",
        "duration": 120,
        "disposition": "answered",
    }
    return defaults | others


def event(
    what: str = "opportunity.updated",
    data: dict[str, Any] | None = None,
    previous: dict[str, Any] | None = None,
    **others: Any,
) -> dict[str, Any]:
    """An event as it is on the wire."""
    object_type, _, action = what.rpartition(".")
    shown = data if data is not None else previous or {}
    defaults: dict[str, Any] = {
        "id": "ev_1",
        "date_created": AT,
        "date_updated": AT,
        "action": action,
        "object_type": object_type,
        "object_id": shown.get("id", "oppo_1"),
        "lead_id": "lead_1",
        "user_id": "user_who_acted",
        "organization_id": "orga_1",
        "changed_fields": list(previous or {}),
        "previous_data": previous or {},
        "meta": {},
        "data": data,
    }
    return {"event": defaults | others, "subscription_id": "whsub_1"}


def signature(body: bytes, stamp: str, *, key: bytes | None = None) -> str:
    """As Close computes it."""
    return hmac.digest(bytes.fromhex(KEY) if key is None else key, stamp.encode() + body, "sha256").hex()


async def send(
    http: httpx.AsyncClient,
    body: Any,
    *,
    now: Micros,
    age: int = 0,
    stamp: str | None = None,
    signed: str | None = None,
) -> httpx.Response:
    """Posts an event, or bytes as they are. ``age``: how many seconds ago it was signed."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    at = stamp if stamp is not None else str(now // SECOND_US - age)
    headers = {
        b"content-type": b"application/json",
        b"close-sig-timestamp": at.encode("latin-1"),
        b"close-sig-hash": (signed if signed is not None else signature(content, at)).encode("latin-1"),
    }
    return await http.post("/v1/webhooks/close", content=content, headers=headers)
