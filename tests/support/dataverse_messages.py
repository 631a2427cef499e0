"""Dataverse's execution contexts as a webhook step posts them."""

from __future__ import annotations

import json
from typing import Any

from shared.domain.sources import Source
from tests.support.provider_desk import NOW_S, ProviderDesk

KEY = "6f9b2f6e-2d64-4b7e-a0b5-8f4f1c2b7d11"
CODE = f"code={KEY}"
RECORD = "d1a1c9b4-55aa-ee11-be37-000d3a8f1c22"
OWNER = "75c2dd85-e89e-e711-8122-000d3aa2331c"
CREATED_MS = NOW_S * 1000 - 4000
_CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"


def dataverse_source(**others: Any) -> Source:
    return Source(**{"id": "dv", "tenant": "acme", "provider": "dataverse", "secrets": (KEY,)} | others)


def dataverse_desk(**others: Any) -> ProviderDesk:
    return ProviderDesk(dataverse_source(**others))


def money(value: Any) -> Any:
    return {"__type": f"Money:{_CONTRACTS}", "Value": value}


def option(value: Any) -> Any:
    return {"__type": f"OptionSetValue:{_CONTRACTS}", "Value": value}


def reference(record: str, entity: str = "systemuser") -> Any:
    return {"__type": f"EntityReference:{_CONTRACTS}", "Id": record, "LogicalName": entity, "Name": None}


def date(milliseconds: int, offset: str = "") -> str:
    return f"/Date({milliseconds}{offset})/"


def pairs(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def entity(attributes: dict[str, Any]) -> dict[str, Any]:
    return {"__type": f"Entity:{_CONTRACTS}", "Attributes": pairs(attributes), "Id": RECORD}


def execution(message: str = "Update", name: str = "opportunity", **others: Any) -> dict[str, Any]:
    """A context; ``target``, ``before`` and ``parameters`` are plain objects of what they hold, others its members."""
    target, before = others.pop("target", None), others.pop("before", None)
    parameters = others.pop("parameters", {}) | ({} if target is None else {"Target": entity(target)})
    return {
        "MessageName": message,
        "PrimaryEntityName": name,
        "PrimaryEntityId": RECORD,
        "OrganizationId": "4ef5b371-e89e-e711-8122-000d3aa2331c",
        "OperationId": "4af10637-4ea2-e711-8122-000000000001",
        "CorrelationId": "b374239d-4233-41a9-8b17-000000000001",
        "OwningExtension": reference("75417616-4ea2-e711-8122-000d3aa2331c", "sdkmessageprocessingstep"),
        "Depth": 1,
        "Mode": 1,
        "OperationCreatedOn": date(CREATED_MS, "-0700"),
        "InputParameters": pairs(parameters),
        "PreEntityImages": [] if before is None else pairs({"pre": entity(before)}),
        "PostEntityImages": [],
    } | others


def as_sent(context: dict[str, Any]) -> bytes:
    """JSON with its slashes escaped, as Dataverse's serialiser does it."""
    return json.dumps(context, ensure_ascii=False).replace("/", "\\/").encode()
