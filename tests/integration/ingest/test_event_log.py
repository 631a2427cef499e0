"""The event log on brokers: what is confirmed is there, what is not there is not confirmed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Message

from services.ingest.adapters.event_log import KafkaEventLog, open_event_log
from services.ingest.domain.delivery import Context, Delivery, Element, Rejected, RejectReason
from services.ingest.ports import LogUnavailable
from shared.contracts.messages import decode_change, decode_quarantined, encode_change
from shared.contracts.topics import CRM_EVENTS, CRM_QUARANTINE
from shared.domain.changes import RecordChange
from shared.settings import KafkaSettings
from tests.support.eventually import eventually
from tests.support.ingest_app import native_source
from tests.support.kafka_reader import read_all
from tests.support.real_kafka import OwnKafka

RETENTION = timedelta(days=400)
DELIVERY = Delivery(
    method="POST", headers={b"content-type": b"application/json", b"authorization": b"secret"}, body=b"[]"
)
CONTEXT = Context(native_source(), "dl_1", 1_795_426_200_000_000)


def change(record: str, **others: Any) -> RecordChange:
    defaults: dict[str, Any] = {
        "tenant": "acme",
        "source": "native",
        "record_type": "deal",
        "record": record,
        "verb": "won",
        "event": f"evt-{record}",
        "occurred_at": 1_795_426_200_000_000,
        "received_at": 1_795_426_200_000_000,
    }
    return RecordChange(**defaults | others)


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.kafka)])
def bootstrap(request: pytest.FixtureRequest) -> str:
    if request.param == "embedded":
        return str(request.getfixturevalue("embedded_kafka"))
    return str(request.getfixturevalue("kafka").bootstrap)


async def ready(log: KafkaEventLog) -> KafkaEventLog:
    await eventually(log.state, within_seconds=20)
    return log


async def keep(log: KafkaEventLog, *changes: RecordChange, rejects: tuple[Rejected, ...] = ()) -> None:
    await log.keep(changes, rejects, delivery=DELIVERY, context=CONTEXT)


def raw_of(message: Message) -> bytes:
    return decode_quarantined(message.value()).body.encode()


def keys_of(messages: list[Message]) -> set[bytes]:
    return {message.key() for message in messages}


def read(bootstrap: str, sent: list[RecordChange]) -> dict[bytes, Message]:
    wanted = {one.key.encode() for one in sent}
    messages = read_all(bootstrap, CRM_EVENTS, until=lambda found: wanted <= keys_of(found))
    return {message.key(): message for message in messages if message.key() in wanted}


async def test_what_is_kept_can_be_read(bootstrap: str) -> None:
    sent = [change(f"kept-{number}") for number in range(50)]
    async with open_event_log(KafkaSettings(bootstrap_servers=bootstrap), retention=RETENTION) as log:
        await keep(await ready(log), *sent)
    found = read(bootstrap, sent)
    assert [decode_change(found[one.key.encode()].value()) for one in sent] == sent


async def test_many_deliveries_at_once_are_each_confirmed(bootstrap: str) -> None:
    sent = [change(f"many-{number}") for number in range(200)]
    async with open_event_log(KafkaSettings(bootstrap_servers=bootstrap), retention=RETENTION) as log:
        await ready(log)
        await asyncio.gather(*(keep(log, one) for one in sent))
    assert len(read(bootstrap, sent)) == 200


async def test_a_reject_is_kept_whole_and_without_secrets(bootstrap: str) -> None:
    raw = b'{"id": "", "name": "\xc3\xa9"}'
    reject = Rejected(Element(3, raw, {}), RejectReason.MISSING_ID, "id is required")
    async with open_event_log(KafkaSettings(bootstrap_servers=bootstrap), retention=RETENTION) as log:
        await keep(await ready(log), rejects=(reject,))
    kept = read_all(bootstrap, CRM_QUARANTINE, until=lambda found: any(raw_of(m) == raw for m in found))
    entry = next(decode_quarantined(message.value()) for message in kept if raw_of(message) == raw)
    assert (entry.reason, entry.index) == ("missing_id", 3)
    assert entry.headers == {"content-type": "application/json"}


async def test_a_key_goes_where_our_other_producers_put_it(bootstrap: str) -> None:
    sent = [change(f"place-{number}") for number in range(40)]
    async with open_event_log(KafkaSettings(bootstrap_servers=bootstrap), retention=RETENTION) as log:
        await keep(await ready(log), *sent)
    ours = {key: message.partition() for key, message in read(bootstrap, sent).items()}
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as other:
        placed = {
            one.key.encode(): (
                await other.send_and_wait(CRM_EVENTS, encode_change(one), key=one.key.encode())
            ).partition
            for one in sent
        }
    assert placed == ours


async def test_without_kafka_nothing_is_confirmed(free_port: int) -> None:
    async with open_event_log(KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port}"), retention=RETENTION) as log:
        with pytest.raises(LogUnavailable):
            await keep(log, change("lost"))


async def test_it_is_ready_once_the_producer_has_its_id(bootstrap: str) -> None:
    async with open_event_log(KafkaSettings(bootstrap_servers=bootstrap), retention=RETENTION) as log:
        assert await eventually(log.state, within_seconds=20) == "1 broker(s)"


async def test_with_topics_but_no_id_yet_it_is_not_ready(embedded_kafka: str) -> None:
    settings = KafkaSettings(bootstrap_servers=embedded_kafka)
    log = KafkaEventLog(embedded_kafka)  # nobody polls it: it never hears of its id
    await log.create_topics(settings, retention=RETENTION)
    with pytest.raises(LogUnavailable, match="its id"):
        await log.state()


@pytest.mark.kafka
@pytest.mark.slow
async def test_a_broker_that_was_killed_is_refused_and_then_used_again(own_kafka: OwnKafka) -> None:
    settings = KafkaSettings(bootstrap_servers=own_kafka.bootstrap)
    async with open_event_log(settings, retention=RETENTION) as log:
        await keep(await ready(log), change("before"))
        await asyncio.to_thread(own_kafka.kill)
        with pytest.raises(LogUnavailable):
            await keep(log, change("while-away"))
        await asyncio.to_thread(own_kafka.start)
        await eventually(lambda: stored(log, change("after")), within_seconds=30)
    assert len(read(own_kafka.bootstrap, [change("before"), change("after")])) == 2


async def stored(log: KafkaEventLog, one: RecordChange) -> bool:
    await keep(log, one)
    return True
