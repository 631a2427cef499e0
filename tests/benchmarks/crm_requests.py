"""A realistic delivery of each provider, signed as its sender would: an edited deal, each time another one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from services.ingest.domain.delivery import Delivery
from shared.domain.instants import Micros
from tests.fuzz.senders import AUTHENTICATED, Request, source_of
from tests.support import close_sender, dataverse_messages, pipedrive_sender, salesforce_messages, sell_messages
from tests.support import zoho_messages as zoho
from tests.support.cloud_senders import STRUCTURED, cloud_event
from tests.support.crm_sender import deal_property, event

RECORD = "4711000811"
"""Stands for the record's number in what is made once; as long as all that come in its place."""
NUMBERS = 9_000_000_000
JSON = {"content-type": "application/json"}
XML = {"content-type": "text/xml; charset=UTF-8"}


class Moment(NamedTuple):
    """When it is said to have been changed."""

    ms: int
    iso: str


class Sample(NamedTuple):
    """A body about ``RECORD``, and the headers that say what it is."""

    body: bytes
    headers: dict[str, str]


def requests_of(provider: str) -> Callable[[], Request]:
    """Makes the provider's next delivery at each call, signed now."""
    source, sign = source_of(provider), AUTHENTICATED[provider]
    sample = sample_of(provider, time.time_ns() // 1_000_000)
    number = time.time_ns() // 1000 % NUMBERS

    def following() -> Request:
        nonlocal number
        number = (number + 1) % NUMBERS
        body = sample.body.replace(RECORD.encode(), str(NUMBERS // 9 + number).encode())
        now: Micros = time.time_ns() // 1000
        return sign(source, Request(sample.headers, body), now)

    return following


def delivery_of(request: Request) -> Delivery:
    """As ingest sees it."""
    headers = {name.encode(): value.encode() for name, value in request.headers.items()}
    return Delivery(
        method="POST", headers=headers, body=request.body, query=request.query, path_token=request.path_token
    )


def sample_of(provider: str, now_ms: int) -> Sample:
    """What the provider's deliveries are made of."""
    iso = datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return SAMPLES[provider](Moment(now_ms, iso))


def _native(at: Moment) -> Sample:
    fields = {"direction": "outbound", "duration_seconds": "120", "account": "a-7"}
    return _json(
        event(f"evt-{RECORD}", "call.logged", rep="ana", occurred_at=f"{at.iso}Z", record=RECORD, fields=fields)
    )


def _hubspot(at: Moment) -> Sample:
    changed = {"amount": "1200.50", "dealstage": "closedwon", "hubspot_owner_id": "468810689"}
    said = [deal_property(name, value, objectId=int(RECORD), occurredAt=at.ms) for name, value in changed.items()]
    return _json(said)


def _outbound_message(at: Moment) -> Sample:
    values = {"Id": f"0061I{RECORD}", "LastModifiedDate": f"{at.iso}.000Z", "IsClosed": "true", "IsWon": "true"}
    deal = salesforce_messages.opportunity(**values, StageName="Closed Won")
    told = salesforce_messages.notification(deal, identity=f"04l1I{RECORD}")
    return Sample(salesforce_messages.envelope(told), XML)


def _change_event(at: Moment) -> Sample:
    fields = {"Amount": 1200.5, "StageName": "Closed Won", "IsWon": True, "IsClosed": True}
    changed = [*fields, "LastModifiedDate"]
    header = {"recordIds": [f"0061I{RECORD}"], "changedFields": changed, "commitTimestamp": at.ms}
    said = salesforce_messages.change_event("UPDATE", {**fields, "LastModifiedDate": f"{at.iso}.000Z"}, **header)
    return _json(salesforce_messages.cometd(said))


def _pipedrive(at: Moment) -> Sample:
    deal = pipedrive_sender.deal(id=int(RECORD), value=1200.5, status="won", won_time=f"{at.iso}Z")
    identity = f"71825ee0-0054-4267-b5fd-00{RECORD}"
    return _json(pipedrive_sender.notice("change", deal, {"status": "open"}, id=identity, timestamp=f"{at.iso}.089Z"))


def _close(at: Moment) -> Sample:
    deal = close_sender.opportunity(id=f"oppo_{RECORD}", value=120050, status_type="won", date_won=at.iso[:10])
    before = {"status_type": "active"}
    stamps = {"date_created": f"{at.iso}.395000", "date_updated": f"{at.iso}.395000"}
    return _json(close_sender.event("opportunity.updated", deal, before, id=f"ev_{RECORD}", **stamps))


def _zoho(at: Moment) -> Sample:
    values = {"Stage": "Closed Won", "Amount": 1200.5, "Owner": {"id": "5725767000000411001", "name": "Ana Ruiz"}}
    said = zoho.notification(values=values, server_time=at.ms)
    del said["token"]  # whoever signs it puts it in
    return Sample(json.dumps(said).replace(zoho.DEAL, f"572576700{RECORD}").encode(), JSON)


def _dataverse(at: Moment) -> Sample:
    target = {
        "estimatedvalue": dataverse_messages.money(1200.5),
        "ownerid": dataverse_messages.reference(dataverse_messages.OWNER),
        "statecode": dataverse_messages.option(1),
    }
    created = dataverse_messages.date(at.ms, "-0700")
    said = dataverse_messages.as_sent(dataverse_messages.execution(target=target, OperationCreatedOn=created))
    record = dataverse_messages.RECORD
    return Sample(said.replace(record.encode(), f"{record[: -len(RECORD)]}{RECORD}".encode()), JSON)


def _zendesk_sell(at: Moment) -> Sample:
    deal = {"id": int(RECORD), "name": "W", "value": "1200.50", "currency": "EUR", "stage_id": 3, "owner_id": 9001}
    told = {"event_id": f"e{RECORD}", "event_time": f"{at.iso}Z", "previous": {"stage_id": 2}}
    return _json(sell_messages.page(sell_messages.item(**deal, **told)))


def _cloudevents(at: Moment) -> Sample:
    said = cloud_event(id=f"C-{RECORD}", time=f"{at.iso}Z", data=_deal())
    return Sample(json.dumps(said).encode(), {"content-type": STRUCTURED})


def _standard(at: Moment) -> Sample:
    return _json({"type": "deal.won", "timestamp": f"{at.iso}Z", "data": _deal()})


def _deal() -> dict[str, str]:
    return {"deal_id": RECORD, "amount": "1200.50", "currency": "EUR", "owner_id": "u1"}


def _json(body: Any) -> Sample:
    return Sample(json.dumps(body).encode(), JSON)


SAMPLES: dict[str, Callable[[Moment], Sample]] = {
    "native": _native,
    "hubspot": _hubspot,
    "salesforce_outbound_message": _outbound_message,
    "salesforce_cdc": _change_event,
    "pipedrive": _pipedrive,
    "close": _close,
    "zoho": _zoho,
    "dataverse": _dataverse,
    "zendesk_sell": _zendesk_sell,
    "cloudevents": _cloudevents,
    "standard_webhooks": _standard,
}
"""By provider; a test wants one of each that is registered."""
