"""What a delivery comes to on the log: one confirmed batch of changes, quarantine and what has to be asked for."""

from __future__ import annotations

from services.ingest.adapters.enrichment_messages import decode_ask
from services.ingest.adapters.log_messages import messages_of
from services.ingest.domain.delivery import Context, Delivery, Element, Rejected, RejectReason
from shared.contracts.messages import decode_change
from shared.contracts.topics import CRM_ENRICHMENTS, CRM_EVENTS, CRM_QUARANTINE
from shared.domain.sources import Enrich, Source
from tests.support.changes import change
from tests.support.ingest_app import hubspot_source

DELIVERY = Delivery(method="POST", headers={}, body=b"")
THIN = change(record="7", missing=("owner",))
REJECT = Rejected(Element(0, b"{}", {}), RejectReason.MISSING_ID)


def topics(source: Source) -> list[tuple[str, str]]:
    sent = messages_of([change(), THIN], [REJECT], delivery=DELIVERY, context=Context(source, "dl_1", 1))
    return [(message.topic, message.key) for message in sent]


def test_an_ask_goes_with_its_change_to_the_partition_of_its_record() -> None:
    assert topics(hubspot_source(enrich=Enrich("token", "https://api.example"))) == [
        (CRM_EVENTS, change().key),
        (CRM_EVENTS, THIN.key),
        (CRM_QUARANTINE, "hubspot"),
        (CRM_ENRICHMENTS, THIN.key),
    ]


def test_who_is_not_asked_gets_no_ask() -> None:
    assert CRM_ENRICHMENTS not in dict(topics(hubspot_source()))


def test_messages_say_what_was_meant_and_no_token() -> None:
    context = Context(hubspot_source(enrich=Enrich("pat-secret", "https://api.example")), "dl_1", 1)
    event, ask = messages_of([THIN], [], delivery=DELIVERY, context=context)
    assert decode_change(event.value) == THIN
    assert (decode_ask(ask.value).record, decode_ask(ask.value).missing) == ("7", ("owner",))
    assert b"pat-secret" not in event.value + ask.value
