"""Pipedrive as it sends: notifications of version 2 and 1, with HTTP Basic."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx

from shared.domain.sources import Source

PASSWORD = "pässwörd:with-colon"
USER = "pd-hook"
AT = "2026-11-23T09:30:00.123Z"
AT_US = 1795426200123000
OWNER = 12415231


def pipedrive_source(**others: Any) -> Source:
    defaults: dict[str, Any] = {
        "id": "pipedrive",
        "tenant": "acme",
        "provider": "pipedrive",
        "secrets": ("old", PASSWORD),
        "options": {"username": USER},
    }
    return Source(**defaults | others)


def deal(**others: Any) -> dict[str, Any]:
    """A deal as version 2 shows it; name only what matters."""
    defaults: dict[str, Any] = {
        "id": 8,
        "title": "Sample",
        "value": 100,
        "currency": "EUR",
        "status": "open",
        "stage_id": 2,
        "owner_id": OWNER,
        "org_id": 1,
        "won_time": None,
        "lost_time": None,
        "lost_reason": None,
        "custom_fields": {},
    }
    return defaults | others


def activity(**others: Any) -> dict[str, Any]:
    """An activity as version 2 shows it."""
    defaults: dict[str, Any] = {
        "id": 2,
        "type": "call",
        "done": False,
        "owner_id": OWNER,
        "deal_id": 8,
        "org_id": 1,
        "due_date": "2026-11-23",
        "due_time": None,
        "duration": {"timezone_id": None, "value": "00:30:00"},
    }
    return defaults | others


def notice(
    action: str = "change",
    data: dict[str, Any] | None = None,
    previous: dict[str, Any] | None = None,
    *,
    entity: str = "deal",
    **meta: Any,
) -> dict[str, Any]:
    """A notification of version 2; keywords go into ``meta``."""
    shown = data if data is not None else previous or {}
    defaults: dict[str, Any] = {
        "action": action,
        "entity": entity,
        "company_id": "8087566",
        "entity_id": str(shown.get("id", 8)),
        "id": "71825ee0",
        "timestamp": AT,
        "webhook_id": "4710827",
        "attempt": 1,
        "is_bulk_edit": False,
    }
    return {"data": data, "previous": previous, "meta": defaults | meta}


def old_notice(
    action: str, current: Any = None, previous: Any = None, *, entity: str = "deal", **meta: Any
) -> dict[str, Any]:
    """A notification of version 1."""
    defaults: dict[str, Any] = {
        "v": 1,
        "action": action,
        "object": entity,
        "id": 8,
        "company_id": 8087566,
        "timestamp": AT_US // 1_000_000,
        "timestamp_micro": AT_US,
        "webhook_id": 4710827,
    }
    return {
        "v": 1,
        "meta": defaults | meta,
        "retry": 0,
        "current": current,
        "previous": previous,
        "event": f"{action}.{entity}",
    }


def basic(user: str = USER, password: str = PASSWORD, *, encoding: str = "utf-8") -> bytes:
    """The header's value."""
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode(encoding))


async def send(http: httpx.AsyncClient, body: Any, *, authorization: bytes | None = None) -> httpx.Response:
    """Posts a notification, or bytes as they are; signed as configured unless told otherwise."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {b"content-type": b"application/json", b"authorization": authorization or basic()}
    return await http.post("/v1/webhooks/pipedrive", content=content, headers=headers)
