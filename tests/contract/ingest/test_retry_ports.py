"""Where retries read and write: what holds on Kafka holds for the fakes that other tests use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Protocol

import pytest
from msgspec.structs import replace

from services.ingest.adapters.enrichment_messages import decode_ask
from services.ingest.adapters.event_log import open_event_log
from services.ingest.domain.delivery import Context, Delivery, Element, Rejected, RejectReason
from services.ingest.domain.enrichment import Ask
from services.ingest.domain.retries import FactMessage, Verdict, still
from services.ingest.ports import KeptEntries, LogUnavailable, RetryLog
from shared.adapters.quarantine_topic import QuarantineBodies, reading_quarantine
from shared.contracts.messages import Quarantined, decode_change
from shared.contracts.topics import CRM_ENRICHMENTS, CRM_EVENTS, KPI_FACTS
from shared.domain.changes import RecordChange
from shared.domain.quarantine import Place, QuarantineIndex, Retried, RetryOutcome, Selection
from shared.settings import KafkaSettings
from tests.support.changes import change
from tests.support.embedded_kafka import embedded_kafka
from tests.support.eventually import eventually
from tests.support.fake_log import FakeKept, FakeLog
from tests.support.ingest_app import native_source
from tests.support.kafka_reader import read_all

__all__ = ["embedded_kafka"]
SAID = Retried(
    resolves="qe_none", tenant="acme", source="retry-ports", outcome=RetryOutcome.ACCEPTED, at=1, by="ops", retry="rt_1"
)


class Subject(Protocol):
    """A log, what is kept in it, and how to look into both."""

    log: RetryLog
    kept: KeptEntries

    async def keep(self, raw: bytes) -> tuple[Place, str]:
        """Puts an element into quarantine; its place and id."""
        ...

    def changes(self) -> list[RecordChange]: ...

    def facts(self) -> list[tuple[int, bytes]]: ...

    def asks(self) -> list[Ask]: ...

    async def resolutions(self, entry_id: str) -> list[tuple[int, Retried]]: ...


class Fake:
    def __init__(self) -> None:
        self.log, self.kept = FakeLog(), FakeKept()

    async def keep(self, raw: bytes) -> tuple[Place, str]:
        place = Place(1, len(self.kept.entries))
        self.kept.entries[place] = Quarantined(
            id="qe_1", tenant="acme", source="retry-ports", reason="missing_id", detail="", received_at=1,
            body=raw.decode(),
        )  # fmt: skip
        return place, "qe_1"

    def changes(self) -> list[RecordChange]:
        return self.log.changes

    def facts(self) -> list[tuple[int, bytes]]:
        return [(batch.partition, batch.value) for batch in self.log.facts]

    def asks(self) -> list[Ask]:
        return self.log.asks

    async def resolutions(self, entry_id: str) -> list[tuple[int, Retried]]:
        return [(partition, said) for partition, said in self.log.resolutions if said.resolves == entry_id]


class OnKafka:
    def __init__(self, log: RetryLog, settings: KafkaSettings) -> None:
        self.log, self.kept = log, QuarantineBodies(settings)
        self._settings = settings

    async def keep(self, raw: bytes) -> tuple[Place, str]:
        reject = Rejected(Element(0, raw, None), RejectReason.MISSING_ID)
        delivery = Delivery(method="POST", headers={}, body=raw)
        context = Context(native_source(id="retry-ports"), "dl_1", 1)
        await self.log.keep([], [reject], delivery=delivery, context=context)  # type: ignore[attr-defined]
        async with reading_quarantine(self._settings, QuarantineIndex(1000)) as reader:
            await reader.catch_up()
            found = max(reader.index.entries(Selection(source="retry-ports").has), key=lambda entry: entry.place)
        return found.place, found.head.id

    def changes(self) -> list[RecordChange]:
        return [decode_change(m.value()) for m in read_all(self._settings.bootstrap_servers, CRM_EVENTS, until=bool)]

    def facts(self) -> list[tuple[int, bytes]]:
        found = read_all(self._settings.bootstrap_servers, KPI_FACTS, until=bool)
        return [(message.partition(), message.value()) for message in found]

    def asks(self) -> list[Ask]:
        found = read_all(self._settings.bootstrap_servers, CRM_ENRICHMENTS, until=bool)
        return [decode_ask(message.value()) for message in found]

    async def resolutions(self, entry_id: str) -> list[tuple[int, Retried]]:
        async with reading_quarantine(self._settings, QuarantineIndex(1000)) as reader:
            await reader.catch_up()
            entry = reader.index.get(entry_id)
        return [(entry.place.partition, entry.last)] if entry is not None and entry.last is not None else []


@pytest.fixture(params=["fake", "kafka"])
async def subject(request: pytest.FixtureRequest, embedded_kafka: str) -> AsyncIterator[Subject]:
    if request.param == "fake":
        yield Fake()
        return
    settings = KafkaSettings(bootstrap_servers=embedded_kafka)
    async with open_event_log(settings, retention=timedelta(days=1)) as log:
        await eventually(log.state, within_seconds=20)
        yield OnKafka(log, settings)


@pytest.fixture(params=["fake", "kafka"])
async def away(request: pytest.FixtureRequest) -> AsyncIterator[RetryLog]:
    if request.param == "fake":
        log = FakeLog()
        log.away = True
        yield log
        return
    async with open_event_log(KafkaSettings(bootstrap_servers="127.0.0.1:1"), retention=timedelta(days=1)) as real:
        yield real


async def test_what_a_verdict_means_is_stored_and_its_resolution_behind_the_entry(subject: Subject) -> None:
    place, entry_id = await subject.keep(b'{"id": "a"}')
    meant = change(record="retry-port", source="retry-ports")
    said = replace(SAID, resolves=entry_id)
    await subject.log.settle(Verdict(RetryOutcome.ACCEPTED, changes=(meant,)), said, partition=place.partition)
    assert meant in subject.changes()
    assert await subject.resolutions(entry_id) == [(place.partition, said)]


async def test_facts_go_to_their_partition(subject: Subject) -> None:
    place, entry_id = await subject.keep(b'{"id": "b"}')
    verdict = Verdict(RetryOutcome.ACCEPTED, facts=(FactMessage(2, b"facts as they were"),))
    await subject.log.settle(verdict, replace(SAID, resolves=entry_id), partition=place.partition)
    assert (2, b"facts as they were") in subject.facts()


async def test_what_still_waits_is_only_said(subject: Subject) -> None:
    place, entry_id = await subject.keep(b'{"id": "c"}')
    said = replace(SAID, resolves=entry_id, outcome=RetryOutcome.QUARANTINED, reason="missing_id")
    await subject.log.settle(still("missing_id"), said, partition=place.partition)
    assert await subject.resolutions(entry_id) == [(place.partition, said)]


async def test_an_entry_is_read_from_its_place_and_another_place_has_none(subject: Subject) -> None:
    place, _ = await subject.keep(b'{"id": "d"}')
    nowhere = Place(place.partition, 10**6)
    found = await subject.kept.read([nowhere, place])
    assert {where: (entry.body, entry.source) for where, entry in found.items()} == {
        place: ('{"id": "d"}', "retry-ports")
    }


async def test_nothing_asked_for_is_nothing_read(subject: Subject) -> None:
    assert await subject.kept.read([]) == {}


async def test_what_is_away_confirms_nothing(away: RetryLog) -> None:
    with pytest.raises(LogUnavailable):
        await away.settle(still("x"), SAID, partition=0)


async def test_what_the_crm_has_to_be_asked_for_is_asked(subject: Subject) -> None:
    ask = Ask(
        tenant="acme",
        source="retry-ports",
        record_type="call",
        record="asked-1",
        event="e",
        missing=("owner",),
        received_at=5,
    )
    await subject.log.settle(Verdict(RetryOutcome.ACCEPTED, changes=(change(),), asks=(ask,)), SAID, partition=0)
    assert ask in subject.asks()
