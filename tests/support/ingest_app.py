"""The ingest service in process: its real application on a fake log and a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from services.ingest.wiring import Ingest, build_ingest
from shared.domain.sources import Limits, Source
from tests.support.crm_sender import HUBSPOT_SECRET, HUBSPOT_URL, NATIVE_TOKEN, CrmSender
from tests.support.fake_log import FakeKept, FakeLog
from tests.support.manual_clock import ManualClock

Configure = Callable[..., None]


def native_source(**others: Any) -> Source:
    return Source(**{"id": "native", "tenant": "acme", "provider": "native", "secrets": (NATIVE_TOKEN,)} | others)


def hubspot_source(**others: Any) -> Source:
    defaults: dict[str, Any] = {
        "id": "hubspot",
        "tenant": "acme",
        "provider": "hubspot",
        "secrets": (HUBSPOT_SECRET,),
        "public_url": HUBSPOT_URL,
    }
    return Source(**defaults | others)


def configure(ingest: Ingest, *sources: Source) -> None:
    ingest.intake.configure({source.id: source for source in sources})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def log() -> FakeLog:
    return FakeLog()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def kept() -> FakeKept:
    return FakeKept()


@pytest.fixture
def ingest(log: FakeLog, kept: FakeKept, clock: ManualClock, registry: CollectorRegistry) -> Ingest:
    built = build_ingest(log, kept, clock, registry=registry)
    configure(built, native_source(limits=Limits(max_body=10_000, max_batch=100)), hubspot_source())
    return built


@pytest.fixture
async def http(ingest: Ingest) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(ingest.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as client:
        yield client


@pytest.fixture
def crm(http: httpx.AsyncClient, clock: ManualClock) -> CrmSender:
    return CrmSender(http, clock)
