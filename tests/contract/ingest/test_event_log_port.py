"""The event log port: what holds for the one on Kafka holds for the fake that other tests use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Protocol

import pytest

from services.ingest.adapters.event_log import open_event_log
from services.ingest.domain.delivery import Context, Delivery, Element, Rejected, RejectReason
from services.ingest.ports import EventLog, LogUnavailable
from shared.contracts.heartbeats import heartbeat
from shared.contracts.messages import decode_change, decode_quarantined
from shared.contracts.topics import CRM_EVENTS, CRM_QUARANTINE
from shared.domain.changes import RecordChange
from shared.settings import KafkaSettings
from tests.support.embedded_kafka import embedded_kafka
from tests.support.eventually import eventually
from tests.support.fake_log import FakeLog
from tests.support.ingest_app import native_source
from tests.support.kafka_reader import read_all

__all__ = ["embedded_kafka"]
CHANGE = RecordChange(
    tenant="acme",
    source="native",
    record_type="deal",
    record="port-1",
    verb="won",
    event="evt-1",
    occurred_at=1,
    received_at=2,
    owner=None,
    fields={"amount": "1.50", "closed": True, "note": None},
    times={"won": 3},
)
REJECT = Rejected(Element(0, b'{"id": ""}', {"id": ""}), RejectReason.MISSING_ID, "id is required")
DELIVERY = Delivery(method="POST", headers={}, body=b"{}")
CONTEXT = Context(native_source(), "dl_1", 2)


class Subject(Protocol):
    """A log and how to look into it."""

    log: EventLog

    def changes(self) -> list[RecordChange]: ...

    def reasons(self) -> list[str]: ...


class Fake:
    def __init__(self) -> None:
        self.log = FakeLog()

    def changes(self) -> list[RecordChange]:
        return self.log.changes

    def reasons(self) -> list[str]:
        return [str(reject.reason) for reject in self.log.rejects]


class OnKafka:
    def __init__(self, log: EventLog, bootstrap: str) -> None:
        self.log = log
        self._bootstrap = bootstrap

    def changes(self) -> list[RecordChange]:
        return [decode_change(message.value()) for message in read_all(self._bootstrap, CRM_EVENTS, until=bool)]

    def reasons(self) -> list[str]:
        found = read_all(self._bootstrap, CRM_QUARANTINE, until=bool)
        return [decode_quarantined(message.value()).reason for message in found]


@pytest.fixture(params=["fake", "kafka"])
async def subject(request: pytest.FixtureRequest, embedded_kafka: str) -> AsyncIterator[Subject]:
    if request.param == "fake":
        yield Fake()
        return
    async with open_event_log(KafkaSettings(bootstrap_servers=embedded_kafka), retention=timedelta(days=1)) as log:
        await eventually(log.state, within_seconds=20)
        yield OnKafka(log, embedded_kafka)


@pytest.fixture(params=["fake", "kafka"])
async def away(request: pytest.FixtureRequest) -> AsyncIterator[EventLog]:
    if request.param == "fake":
        log = FakeLog()
        log.away = True
        yield log
        return
    async with open_event_log(KafkaSettings(bootstrap_servers="127.0.0.1:1"), retention=timedelta(days=1)) as real:
        yield real


async def test_a_change_that_was_kept_is_there_unaltered(subject: Subject) -> None:
    await subject.log.keep([CHANGE], [], delivery=DELIVERY, context=CONTEXT)
    assert CHANGE in subject.changes()


async def test_a_reject_that_was_kept_is_there_with_its_reason(subject: Subject) -> None:
    await subject.log.keep([], [REJECT], delivery=DELIVERY, context=CONTEXT)
    assert "missing_id" in subject.reasons()


async def test_what_is_away_confirms_nothing(away: EventLog) -> None:
    with pytest.raises(LogUnavailable):
        await away.keep([CHANGE], [], delivery=DELIVERY, context=CONTEXT)


async def test_a_heartbeat_is_an_event_of_nobodys(subject: Subject) -> None:
    await subject.log.beat(0, 7_000_000)
    assert heartbeat(0, 7_000_000) in subject.changes()


async def test_no_heartbeat_reaches_what_is_away(away: EventLog) -> None:
    with pytest.raises(LogUnavailable):
        await away.beat(0, 7_000_000)
