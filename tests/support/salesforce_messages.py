"""Salesforce's ways to say something: envelopes of outbound messages, change events in their wrappers."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from services.ingest.domain.delivery import Accepted, Context, Delivery, Outcome, Rejected
from services.ingest.providers import salesforce_cdc, salesforce_outbound_message
from services.ingest.providers.provider import Provider
from shared.domain import instants
from shared.domain.changes import RecordChange
from shared.domain.derivation import facts_of
from shared.domain.facts import Fact
from shared.domain.records import Record, RecordKey
from shared.domain.sources import Source
from shared.domain.tenant import Credit

ORGANISATION = "00D1I000003qqqEUAQ"
TOKEN = "om_9f1c2d7a4b"
RELAY_TOKEN = "relay-token-3b1f0c"
DEAL = "0061I00000AbCdEQAV"
TASK = "00T1I00000XyZaBUAV"
ANA, BEN = "0051I000001AbCdQAK", "0051I000001ZzZzQAK"
NOW = instants.parse("2026-03-02T15:05:00Z")
NIL = object()


def outbound_source(**others: Any) -> Source:
    defaults: dict[str, Any] = {
        "id": "sf",
        "tenant": "acme",
        "provider": "salesforce_outbound_message",
        "secrets": (TOKEN,),
        "options": {"organization_ids": (ORGANISATION,)},
    }
    return Source(**defaults | others)


def cdc_source(**others: Any) -> Source:
    defaults: dict[str, Any] = {
        "id": "sfe",
        "tenant": "acme",
        "provider": "salesforce_cdc",
        "secrets": (RELAY_TOKEN,),
    }
    return Source(**defaults | others)


def opportunity(**fields: Any) -> dict[str, Any]:
    """The values of an open deal that was edited; name what matters."""
    usual = {
        "Id": DEAL,
        "Amount": "40000.0",
        "CreatedDate": "2026-02-01T09:00:00.000Z",
        "CurrencyIsoCode": "EUR",
        "IsClosed": "false",
        "IsWon": "false",
        "LastModifiedDate": "2026-03-02T15:04:50.000Z",
        "OwnerId": ANA,
        "StageName": "Prospecting",
    }
    return usual | fields


def notification(fields: dict[str, Any], *, name: str = "Opportunity", identity: str = "04l1I000000fztEQAQ") -> str:
    """One notification; NIL is xsi:nil."""
    parts = "".join(
        f'<sf:{field} xsi:nil="true"/>' if value is NIL else f"<sf:{field}>{escape(str(value))}</sf:{field}>"
        for field, value in fields.items()
    )
    sobject = f'<sObject xsi:type="sf:{name}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{parts}</sObject>'
    return f"<Notification><Id>{identity}</Id>{sobject}</Notification>"


def envelope(*notifications: str, organisation: str = ORGANISATION, session: str | None = None) -> bytes:
    session_id = '<SessionId xsi:nil="true"/>' if session is None else f"<SessionId>{session}</SessionId>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        '<notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
        f"<OrganizationId>{organisation}</OrganizationId><ActionId>04k1I000000bmsHQAQ</ActionId>{session_id}"
        f"<EnterpriseUrl>https://na73.salesforce.com/services/Soap/c/62.0/{organisation[:15]}</EnterpriseUrl>"
        f"<PartnerUrl>https://na73.salesforce.com/services/Soap/u/62.0/{organisation[:15]}</PartnerUrl>"
        f"{''.join(notifications)}</notifications></soapenv:Body></soapenv:Envelope>"
    ).encode()


def change_event(change_type: str = "UPDATE", fields: dict[str, Any] | None = None, **header: Any) -> dict[str, Any]:
    """A change event as the Pub/Sub API's clients decode it."""
    usual = {
        "entityName": "Opportunity",
        "recordIds": [DEAL],
        "changeType": change_type,
        "changeOrigin": "com/salesforce/api/soap/62.0;client=SfdcInternalAPI/",
        "transactionKey": "00000466-3d4f-bbe3-9c2b-5ab0fb45cc02",
        "sequenceNumber": 1,
        "commitTimestamp": 1772463895000,
        "commitNumber": 1652977933433528300,
        "commitUser": ANA,
        "nulledFields": [],
        "diffFields": [],
        "changedFields": [],
    }
    return {"ChangeEventHeader": usual | header, **(fields or {})}


def cometd(event: dict[str, Any], channel: str = "/data/OpportunityChangeEvent") -> dict[str, Any]:
    return {"data": {"schema": "IeRuaY6cbI", "payload": event, "event": {"replayId": 8713}}, "channel": channel}


def eventbridge(event: dict[str, Any]) -> dict[str, Any]:
    return {"version": "0", "id": "a1", "detail-type": "OpportunityChangeEvent", "detail": {"payload": event}}


def outcomes(body: bytes, source: Source, *, now: int = NOW) -> list[Outcome]:
    """What a body means."""
    provider: Provider = (
        salesforce_cdc.PROVIDER if source.provider == "salesforce_cdc" else salesforce_outbound_message.PROVIDER
    )
    delivery = Delivery(method="POST", headers={}, body=body)
    return provider.translate(provider.parse(delivery, source), Context(source, "dl_1", now))


def changes_of(found: list[Outcome]) -> list[RecordChange]:
    return [change for outcome in found if isinstance(outcome, Accepted) for change in outcome.changes]


def rejects_of(found: list[Outcome]) -> list[Rejected]:
    return [outcome for outcome in found if isinstance(outcome, Rejected)]


def facts(changes: list[RecordChange]) -> list[Fact]:
    """The facts of all records that were spoken of, in one order."""
    records: dict[RecordKey, Record] = {}
    for change in changes:
        key = RecordKey.of(change)
        if key in records:
            records[key].merge(change)
        else:
            records[key] = Record.of(change)
    found = [fact for key, record in records.items() for fact in facts_of(key, record, Credit())]
    return sorted(found, key=lambda fact: (fact.kind, fact.record))
