"""One sale in every CRM's own words, signed as each signs: made, given away, raised, won; a call; a merge; a deletion.

Ana makes the deal of 100 EUR and gives it to Bea, who raises it to 250.25 and wins it; Bea makes a call of two minutes.
A deal that Ana won is deleted afterwards, and another is merged into the first, where the CRM has such notifications.
Nothing of ours is imported: the forms are written down from what the vendors say.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

ANA, BEA = "101", "102"
ORGANISATION = "00D1I000003qqqEUAQ"
HEX_KEY = "c0ffee" * 10 + "c0ff"
WHSEC = "whsec_" + base64.b64encode(b"k" * 32).decode()
TOKEN = "story-token"
HUBSPOT_URL = "https://hooks.example.com/v1/webhooks/hubspot"
JSON_TYPE = {"Content-Type": "application/json"}
BEARER = JSON_TYPE | {"Authorization": f"Bearer {TOKEN}"}


class Sent(NamedTuple):
    """One request; ``signed`` makes the headers for the moment in which it is sent."""

    path: str
    body: bytes
    signed: Callable[[bytes, datetime], dict[str, str]]


class Story(NamedTuple):
    """A CRM's source, as ``sources.yaml`` has it, and what it sends."""

    source: dict[str, Any]
    secret: str
    sent: list[Sent]


def stories(start: datetime) -> dict[str, Story]:
    """Of every provider; each step is a minute after the one before, the first is at ``start``."""
    makers = (
        *(hubspot, salesforce_outbound_message, salesforce_cdc, pipedrive, close, zoho, dataverse, zendesk_sell),
        *(cloudevents, standard_webhooks, native),
    )
    at = [start + timedelta(minutes=minute) for minute in range(10)]
    return {maker.__name__: maker(at) for maker in makers}


def _story(provider: str, secret: str, bodies: list[Any], signed: Any, **more: Any) -> Story:
    source_id = provider.replace("_", "-")
    path = f"/v1/webhooks/{source_id}" + more.pop("rest", "")
    contents = [body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies]
    sign = signed if callable(signed) else lambda _body, _now: dict(signed)
    source = {"id": source_id, "provider": provider, "secrets": [{"env": f"STORY_{provider.upper()}"}], **more}
    return Story(source, secret, [Sent(path, content, sign) for content in contents])


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def hubspot(at: list[datetime]) -> Story:
    def event(minute: int, subscription: str, object_id: int, **others: Any) -> list[dict[str, Any]]:
        common = {"eventId": minute, "subscriptionId": 1, "portalId": 5, "appId": 6, "attemptNumber": 0}
        return [
            common | {"subscriptionType": subscription, "objectId": object_id, "occurredAt": _ms(at[minute])} | others
        ]

    def said(minute: int, object_id: int, name: str, value: str, kind: str = "0-3") -> list[dict[str, Any]]:
        more = {"objectTypeId": kind, "propertyName": name, "propertyValue": value}
        return event(minute, "object.propertyChange", object_id, **more)

    def signed(body: bytes, now: datetime) -> dict[str, str]:
        stamp = str(_ms(now))
        digest = hmac.digest(TOKEN.encode(), f"POST{HUBSPOT_URL}".encode() + body + stamp.encode(), hashlib.sha256)
        signature = base64.b64encode(digest).decode()
        return JSON_TYPE | {"X-HubSpot-Request-Timestamp": stamp, "X-HubSpot-Signature-v3": signature}

    bodies = [
        event(0, "object.creation", 8, objectTypeId="0-3") + said(0, 8, "hubspot_owner_id", ANA),
        said(0, 8, "amount", "100") + said(0, 8, "deal_currency_code", "EUR"),
        said(1, 8, "hubspot_owner_id", BEA),
        said(2, 8, "amount", "250.25"),
        said(3, 8, "dealstage", "closedwon"),
        event(4, "object.creation", 2, objectTypeId="0-48") + said(4, 2, "hubspot_owner_id", BEA, "0-48"),
        said(4, 2, "hs_call_duration", "120000", "0-48") + said(4, 2, "hs_call_direction", "OUTBOUND", "0-48"),
        said(1, 9, "hubspot_owner_id", ANA) + said(1, 9, "dealstage", "closedwon"),
        event(5, "deal.merge", 8, primaryObjectId=8, mergedObjectIds=[9]),
        said(1, 10, "hubspot_owner_id", ANA) + said(1, 10, "amount", "999") + said(1, 10, "dealstage", "closedwon"),
        event(6, "deal.deletion", 10),
    ]
    return _story("hubspot", TOKEN, bodies, signed, public_url=HUBSPOT_URL)


def salesforce_outbound_message(at: list[datetime]) -> Story:
    def message(minute: int, kind: str, record: str, **fields: str) -> bytes:
        fields |= {"CreatedDate": _iso(at[0]), "LastModifiedDate": _iso(at[minute])}
        inner = "".join(f"<sf:{name}>{value}</sf:{name}>" for name, value in fields.items())
        return (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
            '<notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
            f"<OrganizationId>{ORGANISATION}</OrganizationId><ActionId>04k1I000000bmsHQAQ</ActionId>"
            "<Notification>"
            f"<Id>04l1I00000{minute:02}{record[-3:]}QAQ</Id>"
            f'<sObject xsi:type="sf:{kind}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            'xmlns:sf="urn:sobject.enterprise.soap.sforce.com">'
            f"<sf:Id>{record}</sf:Id>{inner}</sObject></Notification></notifications></soapenv:Body></soapenv:Envelope>"
        ).encode()

    def deal(minute: int, owner: str, amount: str, *, won: bool) -> bytes:
        stage = "Closed Won" if won else "Prospecting"
        flags = {"IsClosed": str(won).lower(), "IsWon": str(won).lower(), "StageName": stage}
        return message(minute, "Opportunity", "0061I00000AbCdEQAV", Amount=amount, OwnerId=owner, **flags)

    call = {"TaskSubtype": "Call", "Status": "Completed", "CallType": "Outbound", "CallDurationInSeconds": "120"}
    bodies = [
        deal(0, ANA_SF, "100.0", won=False),
        deal(1, BEA_SF, "100.0", won=False),
        deal(2, BEA_SF, "250.25", won=False),
        deal(3, BEA_SF, "250.25", won=True),
        message(4, "Task", "00T1I00000AbCdEQAV", OwnerId=BEA_SF, IsClosed="true", **call),
    ]
    headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'}
    options = {"organization_ids": [ORGANISATION]}
    return _story("salesforce_outbound_message", TOKEN, bodies, headers, options=options, rest=f"/{TOKEN}")


ANA_SF, BEA_SF = "0051I000001AbCdQAK", "0051I000001ZzZzQAK"


def salesforce_cdc(at: list[datetime]) -> Story:
    def change(
        minute: int, change_type: str, record: str, entity: str = "Opportunity", **fields: Any
    ) -> dict[str, Any]:
        header = {"entityName": entity, "recordIds": [record], "changeType": change_type, "sequenceNumber": 1}
        header |= {"transactionKey": f"tx-{minute}-{record}", "commitTimestamp": _ms(at[minute])}
        payload = {"ChangeEventHeader": header, **fields}
        return {"data": {"schema": "s", "payload": payload, "event": {"replayId": 1}}, "channel": "/data/ChangeEvents"}

    deal, gone = "0061I00000AbCdEQAV", "0061I00000AbCdFQAV"
    won = {"StageName": "Closed Won", "IsClosed": True, "IsWon": True}
    call = {"TaskSubtype": "Call", "Status": "Completed", "IsClosed": True, "CallType": "Outbound"}
    call |= {"CallDurationInSeconds": 120, "OwnerId": BEA_SF}
    bodies = [
        change(0, "CREATE", deal, Amount=100, StageName="Prospecting", IsClosed=False, IsWon=False, OwnerId=ANA_SF),
        change(1, "UPDATE", deal, OwnerId=BEA_SF),
        change(2, "UPDATE", deal, Amount=250.25),
        change(3, "UPDATE", deal, **won),
        change(4, "CREATE", "00T1I00000AbCdEQAV", "Task", **call),
        change(1, "CREATE", gone, Amount=999, OwnerId=ANA_SF, **won),
        change(6, "DELETE", gone),
    ]
    return _story("salesforce_cdc", TOKEN, bodies, BEARER)


def pipedrive(at: list[datetime]) -> Story:
    def notice(minute: int, action: str, data: Any, previous: Any, entity: str = "deal", **meta: Any) -> dict[str, Any]:
        shown = data or previous
        common = {"action": action, "entity": entity, "company_id": "1", "entity_id": str(shown["id"]), "attempt": 1}
        common |= {"id": f"{minute}-{entity}-{shown['id']}-{action}", "timestamp": _iso(at[minute]), "version": "2.0"}
        return {"data": data, "previous": previous, "meta": common | meta}

    made = {"id": 8, "value": 100, "currency": "EUR", "status": "open", "stage_id": 1, "owner_id": int(ANA)}
    given = made | {"owner_id": int(BEA)}
    raised = given | {"value": 250.25}
    won = raised | {"status": "won", "won_time": _iso(at[3])}
    other = made | {"id": 9, "status": "won", "won_time": _iso(at[1])}
    call = {"id": 2, "type": "call", "done": True, "owner_id": int(BEA), "duration": {"value": "00:02:00"}}
    bodies = [
        notice(0, "create", made, None),
        notice(1, "change", given, {"owner_id": int(ANA)}),
        notice(2, "change", raised, {"value": 100}),
        notice(3, "change", won, {"status": "open", "won_time": None}),
        notice(4, "change", call, {"done": False}, "activity"),
        notice(1, "create", other, None),
        notice(5, "delete", None, other, merged_to_id="8"),
        notice(5, "change", won, {"title": "x"}, merged_from_id="9"),
        notice(1, "create", other | {"id": 10}, None),
        notice(6, "delete", None, other | {"id": 10}),
    ]
    basic = base64.b64encode(f"pd:{TOKEN}".encode()).decode()
    return _story(
        "pipedrive", TOKEN, bodies, JSON_TYPE | {"Authorization": f"Basic {basic}"}, options={"username": "pd"}
    )


def close(at: list[datetime]) -> Story:
    def event(minute: int, what: str, data: Any, previous: Any = None, record: str = "oppo_1") -> dict[str, Any]:
        object_type, _, action = what.rpartition(".")
        stamp = at[minute].astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
        common = {"id": f"ev_{minute}_{record}_{action}", "date_created": stamp, "date_updated": stamp, "meta": {}}
        common |= {"object_type": object_type, "action": action, "object_id": record, "organization_id": "orga_1"}
        return {"event": common | {"data": data, "previous_data": previous or {}}, "subscription_id": "whsub_1"}

    def signed(body: bytes, now: datetime) -> dict[str, str]:
        stamp = str(int(now.timestamp()))
        digest = hmac.digest(bytes.fromhex(HEX_KEY), stamp.encode() + body, hashlib.sha256).hex()
        return JSON_TYPE | {"close-sig-timestamp": stamp, "close-sig-hash": digest}

    made = {
        "value": 10000,
        "value_currency": "EUR",
        "value_period": "one_time",
        "status_type": "active",
        "user_id": ANA,
    }
    given = made | {"user_id": BEA}
    raised = given | {"value": 25025}
    won = raised | {"status_type": "won", "date_won": at[3].date().isoformat()}
    call = {"user_id": BEA, "direction": "outbound", "duration": 120}
    bodies = [
        event(0, "opportunity.created", made),
        event(1, "opportunity.updated", given, {"user_id": ANA}),
        event(2, "opportunity.updated", raised, {"value": 10000}),
        event(3, "opportunity.updated", won, {"status_type": "active"}),
        event(3, "activity.opportunity_status_change.created", {"id": "x"}, record="acti_9"),
        event(4, "activity.call.created", call, record="acti_1"),
        event(4, "activity.call.completed", call, record="acti_1"),
        event(1, "opportunity.created", won | {"user_id": ANA}, record="oppo_2"),
        event(6, "opportunity.deleted", None, won | {"user_id": ANA}, record="oppo_2"),
    ]
    return _story("close", HEX_KEY, bodies, signed)


def zoho(at: list[datetime]) -> Story:
    def notice(minute: int, module: str, operation: str, record: str, **values: Any) -> dict[str, Any]:
        if values:
            values["Modified_Time"] = _iso(at[minute])
        affected = [{"record_id": record, "values": values}] if values else []
        common = {"server_time": _ms(at[minute]), "module": module, "operation": operation, "ids": [record]}
        common |= {"resource_uri": f"https://www.zohoapis.com/crm/v8/{module}", "query_params": {}}
        return common | {"affected_values": affected, "affected_fields": [], "channel_id": "1", "token": TOKEN}

    def won(owner: str) -> dict[str, Any]:
        return {"Amount": 999, "Currency": "EUR", "Stage": "Closed Won", "Owner": {"id": owner}}

    call = {"Call_Type": "Outbound", "Call_Duration_in_seconds": 120, "Owner": {"id": BEA}}
    call |= {"Call_Start_Time": _iso(at[4])}
    bodies = [
        notice(0, "Deals", "insert", "8", Amount=100, Currency="EUR", Stage="Qualification", Owner={"id": ANA}),
        notice(1, "Deals", "update", "8", Owner={"id": BEA}),
        notice(2, "Deals", "update", "8", Amount=250.25),
        notice(3, "Deals", "update", "8", Stage="Closed Won"),
        notice(4, "Calls", "insert", "2", **call),
        notice(1, "Deals", "insert", "10", **won(ANA)),
        notice(6, "Deals", "delete", "10"),
    ]
    more = {"options": {"channel_ids": ["1"]}, "won_stages": ["Closed Won"], "lost_stages": ["Closed Lost"]}
    return _story("zoho", TOKEN, bodies, JSON_TYPE, **more)


GUID = "00000000-0000-0000-0000-0000000000"


def dataverse(at: list[datetime]) -> Story:
    def reference(entity: str, guid: str) -> dict[str, Any]:
        return {
            "__type": "EntityReference:http://schemas.microsoft.com/xrm/2011/Contracts",
            "Id": guid,
            "LogicalName": entity,
        }

    def message(minute: int, name: str, entity: str, guid: str, *inputs: dict[str, Any]) -> dict[str, Any]:
        common = {
            "MessageName": name,
            "PrimaryEntityName": entity,
            "PrimaryEntityId": guid,
            "OrganizationId": GUID + "aa",
        }
        common |= {"OperationId": f"{minute:08}-0000-0000-0000-{guid[-12:]}", "CorrelationId": GUID + "bb", "Depth": 1}
        common |= {
            "OperationCreatedOn": f"/Date({_ms(at[minute])}+0100)/",
            "Mode": 1,
            "Stage": 40,
            "UserId": GUID + "cc",
        }
        return common | {"InputParameters": list(inputs), "PreEntityImages": [], "PostEntityImages": []}

    def target(entity: str, guid: str, **attributes: Any) -> dict[str, Any]:
        listed = [{"key": name, "value": value} for name, value in attributes.items()]
        kind = "Entity:http://schemas.microsoft.com/xrm/2011/Contracts"
        return {"key": "Target", "value": {"__type": kind, "Id": guid, "LogicalName": entity, "Attributes": listed}}

    def money(value: float) -> dict[str, Any]:
        return {"__type": "Money:http://schemas.microsoft.com/xrm/2011/Contracts", "Value": value}

    def option(value: int) -> dict[str, Any]:
        return {"__type": "OptionSetValue:http://schemas.microsoft.com/xrm/2011/Contracts", "Value": value}

    def deal(minute: int, name: str, guid: str, **attributes: Any) -> dict[str, Any]:
        return message(minute, name, "opportunity", guid, target("opportunity", guid, **attributes))

    def owner(guid: str) -> dict[str, Any]:
        return reference("systemuser", guid)

    one, other, gone, phone = GUID + "08", GUID + "09", GUID + "10", GUID + "02"
    call = {"ownerid": owner(BEA_MS), "directioncode": True, "actualdurationminutes": 2, "statecode": option(1)}
    merge = [target("opportunity", one), {"key": "SubordinateId", "value": other}]
    bodies = [
        deal(0, "Create", one, estimatedvalue=money(100), statecode=option(0), ownerid=owner(ANA_MS)),
        deal(1, "Update", one, ownerid=owner(BEA_MS)),
        deal(2, "Update", one, estimatedvalue=money(250.25)),
        deal(3, "Update", one, statecode=option(1), statuscode=option(3)),
        message(4, "Create", "phonecall", phone, target("phonecall", phone, **call)),
        deal(1, "Create", other, estimatedvalue=money(999), statecode=option(1), ownerid=owner(ANA_MS)),
        message(5, "Merge", "opportunity", one, *merge),
        deal(1, "Create", gone, estimatedvalue=money(999), statecode=option(1), ownerid=owner(ANA_MS)),
        message(6, "Delete", "opportunity", gone, {"key": "Target", "value": reference("opportunity", gone)}),
    ]
    return _story("dataverse", TOKEN, bodies, JSON_TYPE, rest=f"?code={TOKEN}")


ANA_MS, BEA_MS = GUID + "a1", GUID + "b1"


def zendesk_sell(at: list[datetime]) -> Story:
    def item(minute: int, kind: str, event_type: str, data: dict[str, Any], previous: Any = None) -> dict[str, Any]:
        meta = {"event_id": f"{kind}-{data['id']}-{minute}", "event_type": event_type, "event_time": _iso(at[minute])}
        return {
            "items": [{"data": data, "meta": meta | {"type": kind, "sequence": minute, "previous": previous or {}}}]
        }

    made = {"id": 8, "value": "100.00", "currency": "EUR", "stage_id": 1, "owner_id": int(ANA)}
    given = made | {"owner_id": int(BEA)}
    raised = given | {"value": "250.25"}
    other = made | {"id": 10, "stage_id": 7}
    call = {"id": 2, "user_id": int(BEA), "duration": 120, "incoming": False, "made_at": _iso(at[4])}
    bodies = [
        item(0, "deal", "created", made),
        item(1, "deal", "updated", given, {"owner_id": int(ANA)}),
        item(2, "deal", "updated", raised, {"value": "100.00"}),
        item(3, "deal", "updated", raised | {"stage_id": 7}, {"stage_id": 1}),
        item(4, "call", "created", call),
        item(1, "deal", "created", other),
        item(6, "deal", "deleted", other),
    ]
    return _story("zendesk_sell", TOKEN, bodies, BEARER, won_stages=["7"], lost_stages=["8"])


def _ours(at: list[datetime]) -> list[dict[str, Any]]:
    """The sale as native events."""

    def event(minute: int, what: str, record: str, owner: str | None = None, **fields: Any) -> dict[str, Any]:
        common = {"id": f"{record}-{minute}-{what}", "type": what, "occurred_at": _iso(at[minute]), "record": record}
        return common | ({"rep": owner} if owner else {}) | {"fields": fields}

    return [
        event(0, "deal.created", "8", ANA, amount="100", currency="EUR"),
        event(1, "deal.updated", "8", BEA),
        event(2, "deal.updated", "8", amount="250.25"),
        event(3, "deal.won", "8"),
        event(4, "call.logged", "2", BEA, direction="outbound", duration_seconds=120),
        event(1, "deal.won", "9", ANA, amount="999", currency="EUR"),
        event(5, "deal.merged", "9", into="8"),
        event(1, "deal.won", "10", ANA, amount="999", currency="EUR"),
        event(6, "deal.deleted", "10"),
    ]


def _enveloped(event: dict[str, Any]) -> dict[str, Any]:
    owner = {"owner_id": event["rep"]} if "rep" in event else {}
    return {f"{event['type'].partition('.')[0]}_id": event["record"], **owner, **event["fields"]}


def native(at: list[datetime]) -> Story:
    return _story("native", TOKEN, _ours(at), BEARER)


def cloudevents(at: list[datetime]) -> Story:
    def structured(event: dict[str, Any]) -> dict[str, Any]:
        common = {"specversion": "1.0", "source": "/crm", "id": event["id"], "time": event["occurred_at"]}
        return common | {"type": f"com.example.crm.{event['type']}", "data": _enveloped(event)}

    headers = {"Content-Type": "application/cloudevents+json", "Authorization": f"Bearer {TOKEN}"}
    return _story("cloudevents", TOKEN, [structured(event) for event in _ours(at)], headers)


def standard_webhooks(at: list[datetime]) -> Story:
    def signed(body: bytes, now: datetime) -> dict[str, str]:
        stamp, name = str(int(now.timestamp())), hashlib.sha256(body).hexdigest()[:20]
        message = f"{name}.{stamp}.".encode() + body
        signature = base64.b64encode(hmac.digest(b"k" * 32, message, hashlib.sha256)).decode()
        return JSON_TYPE | {
            "webhook-id": name,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{signature}",
        }

    bodies = [
        {"type": event["type"], "timestamp": event["occurred_at"], "data": _enveloped(event)} for event in _ours(at)
    ]
    return _story("standard_webhooks", WHSEC, bodies, signed)
