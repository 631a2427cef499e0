"""How Salesforce's outbound messages are set up."""

from __future__ import annotations

from xml.sax.saxutils import escape

from services.ingest.domain.delivery import Delivery
from services.ingest.domain.setup import Guide, Setup, request
from shared.domain.instants import Micros
from shared.domain.sources import Source

_ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>
<notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>{organisation}</OrganizationId>
</notifications></soapenv:Body></soapenv:Envelope>"""


def guide(_: Source) -> Guide:
    """For people."""
    return Guide(
        title="Salesforce, outbound messages",
        place="Setup, Outbound Messages; sent by a record-triggered flow or a workflow rule",
        address="{url}/{secret}",
        paste=(
            ("Endpoint URL", "{url}/{secret}"),
            ("options.organization_ids of the source, from Setup, Company Information", "the organisation's id"),
        ),
        subscribe=(
            "Opportunity: OwnerId, AccountId, StageName, Amount, CurrencyIsoCode, IsWon, IsClosed, CloseDate",
            "Task: OwnerId, WhatId, TaskSubtype, CallDurationInSeconds, CallType, Status",
            "Event: OwnerId, WhatId, StartDateTime",
            "of each of them: Id, CreatedDate, LastModifiedDate, IsDeleted",
        ),
        mind=(
            "leave Send Session ID off: it is a credential that nobody needs here",
            "LastModifiedDate is the version: without it nothing can be ordered",
            "an outbound message never tells of a deletion, nor of a stage that was passed while it waited",
            "the address is the credential: restrict it to Salesforce's addresses where you can",
        ),
    )


def sample(source: Source, now: Micros) -> Delivery:  # noqa: ARG001 - a token has no age
    """An envelope of the first organisation without a notification."""
    organisations = source.options.get("organization_ids", ())
    organisation = organisations[0] if isinstance(organisations, tuple) and organisations else ""
    body = _ENVELOPE.format(organisation=escape(organisation)).encode()
    headers = {"content-type": "text/xml; charset=UTF-8", "soapaction": '""'}
    return request(body, headers, path_token=source.secrets[0])


SETUP = Setup(guide=guide, sample=sample)
