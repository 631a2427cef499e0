"""Items of Zendesk Sell's Firehose as a poller relays them."""

from __future__ import annotations

from typing import Any

from shared.domain.sources import Source
from tests.support.provider_desk import ProviderDesk

TOKEN = "relay-token-3b1f0c"
BEARER = {"authorization": f"Bearer {TOKEN}"}
EVENT_TIME = "2026-03-02T15:04:54Z"


def sell_source(**others: Any) -> Source:
    return Source(**{"id": "sell", "tenant": "acme", "provider": "zendesk_sell", "secrets": (TOKEN,)} | others)


def sell_desk(**others: Any) -> ProviderDesk:
    return ProviderDesk(sell_source(**others))


def item(kind: str = "deal", action: str = "updated", **others: Any) -> dict[str, Any]:
    """One event; ``previous`` and every other member of meta by name, all else is the object's data."""
    meta: dict[str, Any] = {"event_id": "e1", "event_time": EVENT_TIME, "sequence": 1}
    named = {"event_id", "event_time", "sequence", "previous", "event_cause", "meta"}
    given = {name: others.pop(name) for name in list(others) if name in named}
    return {"data": {"id": 55501} | others, "meta": {"type": kind, "event_type": action} | meta | given}


def page(*items: Any) -> dict[str, Any]:
    return {"items": list(items), "meta": {"position": "eyJwIjo0Mn0=", "top": True}}
