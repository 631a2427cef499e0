"""What a retry makes of an entry: translated by its source's provider, under the configuration of now."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from services.ingest.adapters.quarantine_entries import quarantined
from services.ingest.domain.delivery import Context, Delivery, Element, Rejected, RejectReason
from services.ingest.ports import LogUnavailable
from services.ingest.wiring import Ingest
from shared.contracts.messages import FactBatch, FactChange, Quarantined, encode_batch, encode_change
from shared.contracts.quarantine import Asked, RetryAsked, as_text
from shared.domain import instants
from shared.domain.facts import PageEntry, Revision
from shared.domain.quarantine import Place, Retried, RetryOutcome
from shared.domain.sources import Enrich
from tests.support.changes import change
from tests.support.crm_sender import CrmSender, deal_property, event, hubspot_event
from tests.support.fake_log import FakeKept, FakeLog
from tests.support.ingest_app import configure, hubspot_source, native_source
from tests.support.manual_clock import ManualClock

PLACE = Place(3, 41)


def kept_element(raw: bytes | dict[str, Any], *, source: Any = None, received_at: int = 0) -> Quarantined:
    """What quarantine has of an element, as the door puts it there."""
    body = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    context = Context(source or native_source(), "dl_first", 0, received_at)
    delivery = Delivery(method="POST", headers={b"content-type": b"application/json"}, body=body)
    return quarantined(Rejected(Element(0, body, None), RejectReason.UNKNOWN_TYPE), delivery, context)


def poison(value: bytes, topic: str, *, partition: int = 2) -> Quarantined:
    body, encoding = as_text(value)
    return Quarantined(
        id="qp_1", tenant="-", source="-", reason="undecodable", detail="", received_at=1, body=body,
        encoding=encoding, topic=topic, partition=partition, offset=7,
    )  # fmt: skip


def asking(*ids: str, retry: str = "rt_1") -> RetryAsked:
    entries = [Asked(entry_id, PLACE.offset + number) for number, entry_id in enumerate(ids)]
    return RetryAsked(retry=retry, at=1, by="ops", partition=PLACE.partition, entries=entries)


class Desk:
    """Keeps an entry and has it tried again."""

    def __init__(self, ingest: Ingest, log: FakeLog, kept: FakeKept) -> None:
        self.ingest, self.log, self.kept = ingest, log, kept
        ingest.retrying.configure(["acme"])

    async def retry(self, entry: Quarantined, **others: Any) -> Retried:
        self.kept.entries[PLACE] = entry
        await self.ingest.retrying.handle(asking(entry.id, **others))
        return self.log.resolutions[-1][1]


@pytest.fixture
def desk(ingest: Ingest, log: FakeLog, kept: FakeKept) -> Desk:
    return Desk(ingest, log, kept)


async def test_what_is_understood_now_is_on_the_log_before_it_is_said(desk: Desk) -> None:
    said = await desk.retry(kept_element(event("evt-1", rep="ana")))
    assert (said.outcome, said.by, said.retry, said.resolves[:3]) == (RetryOutcome.ACCEPTED, "ops", "rt_1", "qe_")
    assert [(c.event, c.owner, c.delivery) for c in desk.log.changes] == [("evt-1", "ana", "dl_first")]


async def test_a_resolution_goes_to_the_partition_of_its_entry(desk: Desk) -> None:
    await desk.retry(kept_element(event()))
    assert desk.log.resolutions[0][0] == PLACE.partition


async def test_twice_retried_is_the_same_event_whenever_it_is(desk: Desk, clock: ManualClock) -> None:
    entry = kept_element({"objectTypeId": "0-3", "objectId": 5, "properties": {"amount": "7"}}, source=hubspot_source())
    await desk.retry(entry)
    clock.advance(timedelta(days=3))
    await desk.retry(entry, retry="rt_2")
    first, second = desk.log.changes
    assert first == second


async def test_the_future_has_come(desk: Desk, clock: ManualClock) -> None:
    early = event(occurred_at=instants.text(clock.now() + 2 * instants.DAY_US))
    entry = kept_element(early, received_at=clock.now())
    assert (await desk.retry(entry)).reason == "future_time"
    clock.advance(timedelta(days=1))
    assert (await desk.retry(entry)).outcome is RetryOutcome.ACCEPTED


async def test_what_still_cannot_be_used_waits_on_with_the_reason_of_now(desk: Desk) -> None:
    said = await desk.retry(kept_element(event("")))
    assert (said.outcome, said.reason) == (RetryOutcome.QUARANTINED, "missing_id")
    assert not desk.log.changes


@pytest.mark.parametrize("raw", [b"5", b"null", b'"text"', b"[]", b'[{"id": "1"}]'])
async def test_an_element_that_is_no_object_stays_none(desk: Desk, raw: bytes) -> None:
    assert (await desk.retry(kept_element(raw))).reason == "not_an_object"


@pytest.mark.parametrize(
    ("raw", "reason"), [(b"", "malformed_body"), (b"1, 2", "too_many_elements"), (b"{", "malformed_body")]
)
async def test_what_is_no_element_stays_where_it_is(desk: Desk, raw: bytes, reason: str) -> None:
    assert (await desk.retry(kept_element(raw))).reason == reason


async def test_what_says_nothing_that_counts_is_dealt_with(desk: Desk) -> None:
    silent = hubspot_event("contact.propertyChange", propertyName="city", propertyValue="Bonn")
    assert (await desk.retry(kept_element(silent, source=hubspot_source()))).outcome is RetryOutcome.IGNORED


async def test_the_configuration_of_now_decides_what_it_means(desk: Desk) -> None:
    configure(desk.ingest, hubspot_source(won_stages=frozenset({"signed"})))
    await desk.retry(kept_element(deal_property("dealstage", "signed"), source=hubspot_source()))
    assert desk.log.changes[0].fields == {"stage": "signed", "status": "won"}


async def test_an_element_of_a_source_that_is_gone_waits_for_it(desk: Desk) -> None:
    configure(desk.ingest, hubspot_source())
    assert (await desk.retry(kept_element(event()))).reason == "unknown_source"


async def test_an_entry_that_retention_took_is_gone(desk: Desk) -> None:
    await desk.ingest.retrying.handle(asking("qe_never"))
    said = desk.log.resolutions[0][1]
    assert (said.resolves, said.outcome, said.reason) == ("qe_never", RetryOutcome.QUARANTINED, "gone")


async def test_another_entry_at_that_place_is_not_the_one_that_was_meant(desk: Desk) -> None:
    desk.kept.entries[PLACE] = kept_element(event())
    await desk.ingest.retrying.handle(asking("qe_other"))
    assert (desk.log.resolutions[0][1].reason, desk.log.changes) == ("gone", [])


async def test_an_event_of_a_tenant_who_is_there_now_goes_on_the_log_again(desk: Desk) -> None:
    logged = change(tenant="beta")
    entry = poison(encode_change(logged), "crm.events")
    assert (await desk.retry(entry)).reason == "unknown_tenant"
    desk.ingest.retrying.configure(["acme", "beta"])
    assert (await desk.retry(entry)).outcome is RetryOutcome.ACCEPTED
    assert desk.log.changes == [logged]


async def test_an_event_of_an_impossible_time_is_not_given_to_the_aggregator_again(desk: Desk) -> None:
    said = await desk.retry(poison(encode_change(change(at=10**18)), "crm.events"))
    assert (said.reason, desk.log.changes) == ("impossible_time", [])


@pytest.mark.parametrize("topic", ["crm.events", "kpi.facts"])
async def test_rubbish_on_a_log_stays_rubbish(desk: Desk, topic: str) -> None:
    assert (await desk.retry(poison(b"\xff rubbish", topic))).reason == "undecodable"


async def test_facts_that_can_be_read_now_are_said_again_where_they_were_said(desk: Desk) -> None:
    value = encode_batch(FactBatch(5, [FactChange("acme", "ana", "2026-11-23", "x", PageEntry(Revision(1, 1), None))]))
    assert (await desk.retry(poison(value, "kpi.facts"))).outcome is RetryOutcome.ACCEPTED
    assert [(batch.partition, batch.value) for batch in desk.log.facts] == [(2, value)]


async def test_what_the_log_does_not_take_now_is_not_said(desk: Desk) -> None:
    desk.log.away = True
    with pytest.raises(LogUnavailable):
        await desk.retry(kept_element(event()))
    assert not desk.log.resolutions


async def test_what_is_too_large_for_the_log_waits_on(desk: Desk) -> None:
    desk.log.largest = 10
    assert (await desk.retry(kept_element(event()))).reason == "body_too_large"


async def test_a_bug_costs_one_entry_its_retry_and_the_others_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, provider = desk.ingest.intake.source("native")

    def broken(*_: object) -> Any:
        raise KeyError("a bug")

    monkeypatch.setitem(desk.ingest.intake._sources, "native", (source, replace(provider, translate=broken)))
    good = kept_element(hubspot_event(propertyName="amount", propertyValue="5"), source=hubspot_source())
    desk.kept.entries = {PLACE: kept_element(event()), Place(3, 42): good}
    await desk.ingest.retrying.handle(asking(desk.kept.entries[PLACE].id, good.id))
    assert [(said.outcome, said.reason) for _, said in desk.log.resolutions] == [
        (RetryOutcome.QUARANTINED, "unexpected"),
        (RetryOutcome.ACCEPTED, ""),
    ]


async def test_retries_are_counted_by_source_and_outcome(desk: Desk, registry: CollectorRegistry) -> None:
    await desk.retry(kept_element(event()))
    await desk.retry(poison(b"\xff", "crm.events"))
    counted = [
        registry.get_sample_value("ingest_retries_total", {"source": source, "outcome": outcome})
        for source, outcome in (("native", "accepted"), ("unknown", "quarantined"))
    ]
    assert counted == [1, 1]


async def test_the_door_keeps_what_a_retry_can_use(desk: Desk, crm: CrmSender, clock: ManualClock) -> None:
    """End to end but for Kafka: rejected at the door, kept, tried again after the clock moved."""
    early = event("evt-9", occurred_at=instants.text(clock.now() + 2 * instants.DAY_US))
    await crm.native([event("fine"), early])
    (reject,) = desk.log.rejects
    delivery = Delivery(method="POST", headers={b"content-type": b"application/json"}, body=b"")
    entry = quarantined(reject, delivery, Context(native_source(), "dl_1", clock.now()))
    clock.advance(timedelta(days=2))
    await desk.retry(msgspec.json.decode(msgspec.json.encode(entry), type=Quarantined))
    assert [c.event for c in desk.log.changes] == ["fine", "evt-9"]


async def test_an_element_that_leaves_things_out_has_them_asked_for(desk: Desk) -> None:
    source = hubspot_source(enrich=Enrich("token", "https://api.example"))
    configure(desk.ingest, source)
    thin = hubspot_event("object.creation", objectTypeId="0-48")
    await desk.retry(kept_element(thin, source=source))
    assert [(ask.record_type, "owner" in ask.missing) for ask in desk.log.asks] == [("call", True)]
