"""Zoho's notifications as its channel sends them, with a switch for each way to differ."""

from __future__ import annotations

from typing import Any

from shared.domain.sources import Source
from tests.support.provider_desk import NOW_S, ProviderDesk

TOKEN = "TOKEN_FOR_VERIFICATION_OF_1000000068001"
CHANNEL = "1000000068001"
DEAL = "5725767000003000010"
SENT_MS = NOW_S * 1000 - 3000


def zoho_source(**others: Any) -> Source:
    return Source(**{"id": "zoho", "tenant": "acme", "provider": "zoho", "secrets": (TOKEN,)} | others)


def zoho_desk(**others: Any) -> ProviderDesk:
    return ProviderDesk(zoho_source(**others))


def notification(module: str = "Deals", operation: str = "update", **others: Any) -> dict[str, Any]:
    """One of one record without values; ``values`` of it, or any member of the body, may be given."""
    values = others.pop("values", None)
    said = [] if values is None else [{"record_id": DEAL, "values": values}]
    body: dict[str, Any] = {
        "server_time": SENT_MS,
        "affected_values": said,
        "query_params": {},
        "module": module,
        "resource_uri": f"https://www.zohoapis.com/crm/v8/{module}",
        "ids": [DEAL],
        "affected_fields": [],
        "operation": operation,
        "channel_id": CHANNEL,
        "token": TOKEN,
    }
    return body | others
