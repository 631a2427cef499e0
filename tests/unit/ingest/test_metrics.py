"""What the service counts."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client import CollectorRegistry

from services.ingest.adapters.problems import STATUS
from services.ingest.domain.refusals import RefusalReason
from shared.domain.instants import SECOND_US
from tests.support.crm_sender import CrmSender, event, hubspot_event
from tests.support.fake_log import FakeLog
from tests.support.manual_clock import ManualClock


def deliveries(registry: CollectorRegistry, **labels: str) -> float | None:
    return registry.get_sample_value("ingest_deliveries_total", {"source": "native"} | labels)


@pytest.mark.usefixtures("ingest")
async def test_every_series_of_a_configured_source_starts_at_zero(registry: CollectorRegistry) -> None:
    assert deliveries(registry, outcome="accepted", reason="stored") == 0
    assert deliveries(registry, outcome="rejected", reason="wrong_credentials") == 0
    assert deliveries(registry, outcome="failed", reason="kafka_unavailable") == 0


async def test_a_stored_delivery_is_counted(crm: CrmSender, registry: CollectorRegistry) -> None:
    await crm.native(event())
    assert deliveries(registry, outcome="accepted", reason="stored") == 1


async def test_a_refused_delivery_is_counted_with_its_reason(crm: CrmSender, registry: CollectorRegistry) -> None:
    await crm.native(event(), token="wrong")
    assert deliveries(registry, outcome="rejected", reason="wrong_credentials") == 1


async def test_a_failure_of_ours_is_counted_apart(crm: CrmSender, log: FakeLog, registry: CollectorRegistry) -> None:
    log.away = True
    await crm.native(event())
    assert deliveries(registry, outcome="failed", reason="kafka_unavailable") == 1


async def test_a_made_up_source_gets_no_series_of_its_own(crm: CrmSender, registry: CollectorRegistry) -> None:
    await crm.native(event(), source="made-up")
    assert deliveries(registry, source="unknown", outcome="rejected", reason="unknown_source") == 1
    assert deliveries(registry, source="made-up", outcome="rejected", reason="unknown_source") is None


@pytest.mark.parametrize(("outcome", "count"), [("accepted", 2), ("quarantined", 1), ("ignored", 1)])
async def test_elements_are_counted_by_what_became_of_them(
    crm: CrmSender, registry: CollectorRegistry, outcome: str, count: int
) -> None:
    kept = [hubspot_event("deal.deletion"), hubspot_event("deal.creation")]
    await crm.hubspot([*kept, hubspot_event("deal.nonsense"), hubspot_event("contact.creation")])
    assert registry.get_sample_value("ingest_events_total", {"source": "hubspot", "outcome": outcome}) == count


async def test_the_quarantine_is_counted_by_reason(crm: CrmSender, registry: CollectorRegistry) -> None:
    await crm.native([event(), event("")])
    assert registry.get_sample_value("quarantined_events", {"reason": "missing_id"}) == 1


async def test_a_source_tells_when_it_last_had_an_event(
    crm: CrmSender, registry: CollectorRegistry, clock: ManualClock
) -> None:
    await crm.native(event())
    found = registry.get_sample_value("source_last_event_timestamp_seconds", {"source": "native"})
    assert found == clock.now() / SECOND_US


async def test_every_request_is_timed(crm: CrmSender, registry: CollectorRegistry) -> None:
    await crm.native(event())
    await crm.native(event(), token="wrong")
    assert registry.get_sample_value("ingest_request_seconds_count") == 2


async def test_the_metrics_can_be_scraped(http: httpx.AsyncClient) -> None:
    text = (await http.get("/metrics")).text
    assert 'ingest_deliveries_total{outcome="accepted",reason="stored",source="native"} 0.0' in text


async def test_liveness_needs_nothing(http: httpx.AsyncClient) -> None:
    assert (await http.get("/livez")).status_code == 200


def test_every_reason_has_its_code() -> None:
    assert set(STATUS) == set(RefusalReason)


def test_no_refusal_is_a_500_or_a_redirect() -> None:
    assert all(400 <= status < 500 or status == 503 for status in STATUS.values())
