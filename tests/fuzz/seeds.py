"""Bodies that each provider's senders send, small and of every shape; recorded ones are added where they are there."""

from __future__ import annotations

import json
from typing import Any

from tests.support.crm_sender import deal_property, event, hubspot_event, object_property
from tests.support.request_cases import Case, body_of, cases, groups
from tests.support.salesforce_messages import change_event, cometd, envelope, eventbridge, notification, opportunity

ENTITY = "Entity:http://schemas.microsoft.com/xrm/2011/Contracts"
JSON = "application/json"


def _pipedrive(action: str, data: Any, previous: Any, **meta: Any) -> dict[str, Any]:
    usual = {
        "action": action,
        "entity": "deal",
        "company_id": "8087566",
        "entity_id": "8",
        "id": "71825ee0-0054-4267-b5fd-d28b7a414212",
        "timestamp": "2026-03-02T15:04:56.089Z",
        "user_id": "12415231",
        "version": "2.0",
        "attempt": 1,
    }
    return {"data": data, "previous": previous, "meta": usual | meta}


DEAL = {"id": 8, "value": 100, "currency": "EUR", "status": "won", "stage_id": 2, "owner_id": 1, "won_time": None}
ACTIVITY = {"id": 9, "type": "call", "done": True, "duration": {"timezone_id": 1, "value": "00:30:00"}, "owner_id": 1}
V1 = {
    "v": 1,
    "meta": {
        "v": 1,
        "action": "updated",
        "object": "deal",
        "id": 8,
        "company_id": 7,
        "timestamp_micro": 1772463893384700,
    },
    "retry": 0,
    "current": DEAL,
    "previous": DEAL | {"status": "open"},
    "event": "updated.deal",
}


def _close(object_type: str, action: str, data: Any, **others: Any) -> dict[str, Any]:
    told = {
        "id": "ev_2sYKRjcrA79yKxi3S4Crd7",
        "date_created": "2026-03-02T15:04:23.395000",
        "date_updated": "2026-03-02T15:04:23.395000",
        "action": action,
        "object_type": object_type,
        "object_id": "oppo_7H4s",
        "organization_id": "orga_XbVP",
        "changed_fields": ["status_type", "value"],
        "previous_data": {"status_type": "active"},
        "data": data,
    }
    return {"event": told | others, "subscription_id": "whsub_8AmjKCZYT3zI8eZoi4HhFC"}


OPPORTUNITY = {
    "id": "oppo_7H4s",
    "status_type": "won",
    "value": 100000,
    "value_currency": "USD",
    "value_period": "annual",
    "date_won": "2026-03-02",
    "user_id": "user_N6Kh",
}


def _zoho(module: str, operation: str, values: Any) -> dict[str, Any]:
    return {
        "server_time": 1772463897000,
        "affected_values": [{"record_id": "57", "values": values}],
        "module": module,
        "ids": ["57", "58"],
        "affected_fields": [{"57": ["Stage"]}],
        "operation": operation,
        "channel_id": "1000000068001",
        "token": "zoho-channel-token",
    }


def _dataverse(message: str, entity: str, attributes: dict[str, Any], key: str = "Target") -> dict[str, Any]:
    pairs = [{"key": name, "value": value} for name, value in attributes.items()]
    target = {"__type": ENTITY, "Id": "d1a1", "LogicalName": entity, "Attributes": pairs}
    return {
        "MessageName": message,
        "PrimaryEntityName": entity,
        "PrimaryEntityId": "d1a1",
        "OrganizationId": "4ef5",
        "OperationId": "4af1",
        "CorrelationId": "b374",
        "Depth": 1,
        "OperationCreatedOn": "/Date(1772463893000-0700)/",
        "InputParameters": [{"key": key, "value": target}],
        "PreEntityImages": [],
        "PostEntityImages": [],
    }


_MONEY = {"__type": "Money:x", "Value": 99.99}
_REFERENCE = {"__type": "EntityReference:x", "Id": "75c2", "LogicalName": "systemuser", "Name": None}
_SELL = {
    "items": [
        {
            "data": {"id": 5, "name": "W", "value": "1000.00", "currency": "EUR", "stage_id": 3, "owner_id": 9001},
            "meta": {
                "event_id": "e10",
                "event_type": "updated",
                "event_time": "2026-03-02T15:04:54Z",
                "type": "deal",
                "sequence": 10,
                "previous": {"stage_id": 2},
            },
        }
    ],
    "meta": {"position": "eyJwIjo0Mn0=", "top": True},
}
_CLOUD = {
    "specversion": "1.0",
    "type": "com.example.crm.deal.won",
    "source": "/7",
    "id": "C234",
    "time": "2026-03-02T15:04:54.123Z",
    "subject": "deal/8",
    "data": {"deal_id": "8", "amount": "1200.50", "currency": "EUR", "owner_id": "u1"},
}
_CLOUD_MODES = [
    {"content-type": "application/cloudevents+json"},
    {"content-type": "application/cloudevents-batch+json"},
    {"content-type": JSON} | {f"ce-{name}": value for name, value in _CLOUD.items() if isinstance(value, str)},
]
_STANDARD = {
    "type": "deal.won",
    "timestamp": "2026-03-02T15:04:54.3Z",
    "data": {"deal_id": "8", "amount": "5", "owner_id": "u"},
}
OWN: dict[str, list[Any]] = {
    "native": [event(rep="ana", record="d-1", fields={"amount": "5", "owner": None}, url="https://a/1"), [event()]],
    "hubspot": [
        [
            deal_property("amount", "5"),
            deal_property("dealstage", "closedwon"),
            object_property("0-48", "hs_timestamp", "1"),
        ],
        [
            hubspot_event("deal.merge", primaryObjectId=1, mergedObjectIds=[2, 3], newObjectId=4),
            hubspot_event("deal.creation"),
        ],
        {"objectTypeId": "0-3", "objectId": 5, "properties": {"amount": {"value": "5", "timestamp": 1772463893000}}},
    ],
    "salesforce_cdc": [
        cometd(change_event("CREATE", {"Amount": 5, "IsWon": True, "Name": {"LastName": "x"}})),
        change_event(
            fields={"Amount": None}, changedFields=["Amount"], nulledFields=["Amount"], recordIds=["006", "006*"]
        ),
        [eventbridge(change_event("DELETE")), change_event("UNDELETE", entityName="Task"), change_event("GAP_UPDATE")],
        {"Id": "0061I00000AbCdE", "StageName": "Closed Won", "OwnerId": "x"},
        cometd({"CreatedDate": "2026-03-02T15:04:54Z", "Record_Id__c": "0061I00000AbCdE"}, channel="/event/A__e"),
    ],
    "pipedrive": [
        _pipedrive("change", DEAL, {"status": "open"}),
        _pipedrive("delete", None, DEAL, merged_to_id="9"),
        _pipedrive("create", ACTIVITY, None, entity="activity"),
        _pipedrive("create", {"id": "x", "value": {"amount": 1, "currency": "EUR"}}, None, entity="lead"),
        V1,
    ],
    "close": [
        _close("opportunity", "updated", OPPORTUNITY),
        _close("activity.call", "completed", {"id": "acti_1", "direction": "outbound", "duration": 30, "user_id": "u"}),
        _close("lead", "merged", None, meta={"merge_source_lead_id": "a", "merge_destination_lead_id": "b"}),
        _close("opportunity", "deleted", None, previous_data=OPPORTUNITY),
    ],
    "zoho": [
        _zoho("Deals", "update", {"Stage": "Closed Won", "Amount": 5.5, "Owner": {"id": "5", "name": "x"}}),
        _zoho("Calls", "insert", {"Call_Type": "Outbound", "Call_Duration": "00:30"}),
        _zoho("Deals", "delete", {}),
    ],
    "dataverse": [
        _dataverse(
            "Update", "opportunity", {"estimatedvalue": _MONEY, "ownerid": _REFERENCE, "statecode": {"Value": 1}}
        ),
        _dataverse(
            "Win", "opportunity", {"opportunityid": _REFERENCE, "actualrevenue": _MONEY}, key="OpportunityClose"
        ),
        _dataverse("Create", "phonecall", {"directioncode": True, "actualdurationminutes": 12}),
    ],
    "zendesk_sell": [_SELL, _SELL["items"][0], _SELL["items"]],
    "cloudevents": [_CLOUD, [_CLOUD], {"deal_id": "8", "amount": "5"}],
    "standard_webhooks": [_STANDARD, _STANDARD | {"type": "com.example.call.logged.v2", "data": {"call_id": "c"}}],
}
"""JSON bodies by provider; Salesforce's envelopes are below."""


Seed = tuple[bytes, dict[str, str]]
"""A body with the headers that belong to what it is, never the ones that authenticate."""


def seeds_of(provider: str) -> list[Seed]:
    """Ours, and those that were recorded where the collection of them is: some of these are refused."""
    steps = [case for group in groups(provider) for case in group]
    recorded = [case for case in [*cases(provider), *steps] if case["method"] == "POST"]
    return own_seeds(provider) + [(body_of(case), _kept(case)) for case in recorded]


def own_seeds(provider: str) -> list[Seed]:
    """Ours: every one is accepted."""
    if provider == "salesforce_outbound_message":
        call = {
            "Id": "00T1I00000XyZaB",
            "TaskSubtype": "Call",
            "LastModifiedDate": "2026-03-02T15:04:40Z",
            "OwnerId": "x",
        }
        lost = opportunity(IsWon="false", IsClosed="true")
        own = [
            envelope(
                notification(opportunity(IsWon="true")), notification(call, name="Task"), session="00D!secret-session"
            ),
            envelope(notification(lost)),
        ]
        found = [(body, {"content-type": "text/xml; charset=UTF-8"}) for body in own]
    else:
        found = [(json.dumps(body).encode(), {"content-type": JSON}) for body in OWN[provider]]
    if provider == "cloudevents":
        found = [(body, headers) for (body, _), headers in zip(found, _CLOUD_MODES, strict=True)]
    return found


def _kept(case: Case) -> dict[str, str]:
    """What says what the body is; credentials are made anew."""
    keeps = ("content-type", "ce-", "x-ms-dynamics", "content-encoding")
    return {name.lower(): value for name, value in case["headers"].items() if name.lower().startswith(keeps)}
