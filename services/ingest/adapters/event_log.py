"""crm.events and crm.quarantine on Kafka: idempotent, acks=all, confirmed one delivery at a time.

librdkafka rather than aiokafka: with 64 single events at a time it confirms nearly three times as many a second for two
thirds of the processor time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from services.ingest.adapters.log_messages import ask_message, messages_of
from services.ingest.adapters.producer_identity import ProducerIdentity
from services.ingest.domain.delivery import Context, Delivery, Rejected
from services.ingest.domain.retries import Verdict
from services.ingest.domain.spooling import LogMessage
from services.ingest.ports import EventTooLarge, LogUnavailable
from shared.adapters.kafka_topics import KafkaAway, ensure_topics
from shared.contracts.heartbeats import heartbeat
from shared.contracts.messages import encode_change
from shared.contracts.quarantine import encode_retried
from shared.contracts.topics import CRM_EVENTS, CRM_QUARANTINE, KPI_FACTS, MAX_MESSAGE_BYTES, TOPICS
from shared.domain.changes import RecordChange
from shared.domain.instants import Micros
from shared.domain.quarantine import Retried
from shared.settings import KafkaSettings

DELIVERY_TIMEOUT = timedelta(seconds=5)
"""Senders give us 5 to 30 s; after this they are told to try again."""
DRAIN_TIMEOUT = timedelta(seconds=5)
METADATA_TIMEOUT = DRAIN_TIMEOUT / 2
LINGER = timedelta(milliseconds=2)
REQUESTS_IN_FLIGHT = 2
"""librdkafka sends one partition a request, and a broker works on one request of a connection at a time: what waits
for its turn here grows into a batch. Against the default of 5 the broker needs a third of its processor time for 64
concurrent single events, which are confirmed sooner.
"""
STATISTICS_INTERVAL = timedelta(milliseconds=200)
"""How old the producer's own account of itself may be; it is the only way to learn whether it has its id."""
POLL_SECONDS = 0.001
BY_KEY = -1
"""librdkafka's word for a partition that the key decides on."""
IDLE_POLL_SECONDS = 0.2
log = structlog.get_logger()


class _Confirmation:
    """Waits for the broker's word on every message of one delivery."""

    __slots__ = ("_error", "_missing", "future")

    def __init__(self, messages: int) -> None:
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._missing = messages
        self._error: KafkaError | None = None

    def confirmed(self, error: KafkaError | None, _: object) -> None:
        """Called for each message, by ``poll`` on the loop's thread."""
        self._error = self._error or error
        self._missing -= 1
        if self._missing or self.future.done():
            return
        if self._error is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(_translated(self._error))


class KafkaEventLog:
    """The event log port on a librdkafka producer. ``run`` must be running."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._identity = ProducerIdentity()
        config = producer_config(bootstrap_servers) | {"error_cb": end_if_fatal, "stats_cb": self._identity.told}
        self._producer = Producer(config, logger=logging.getLogger("librdkafka"))
        self._pending = 0
        self._awake = asyncio.Event()
        self._topics_exist = False
        self._partitions = 0

    async def keep(
        self, changes: Sequence[RecordChange], rejects: Sequence[Rejected], *, delivery: Delivery, context: Context
    ) -> None:
        """See the port."""
        await self.send(self.messages(changes, rejects, delivery=delivery, context=context))

    def messages(
        self, changes: Sequence[RecordChange], rejects: Sequence[Rejected], *, delivery: Delivery, context: Context
    ) -> tuple[LogMessage, ...]:
        """See the port."""
        return messages_of(changes, rejects, delivery=delivery, context=context)

    async def send(self, messages: Sequence[LogMessage]) -> None:
        """See the port."""
        async with self._confirmed(len(messages)) as confirmation:
            for message in messages:
                self._produce(confirmation, message.topic, message.value, key=message.key)

    async def settle(self, verdict: Verdict, resolution: Retried, *, partition: int) -> None:
        """See the port."""
        if verdict.changes or verdict.facts:
            said = [
                *(LogMessage(CRM_EVENTS, change.key, encode_change(change)) for change in verdict.changes),
                *map(ask_message, verdict.asks),
            ]
            async with self._confirmed(len(said) + len(verdict.facts)) as confirmation:
                for message in said:
                    self._produce(confirmation, message.topic, message.value, key=message.key)
                for batch in verdict.facts:
                    self._produce(confirmation, KPI_FACTS, batch.value, partition=batch.partition)
        async with self._confirmed(1) as confirmation:
            key = resolution.source
            self._produce(confirmation, CRM_QUARANTINE, encode_retried(resolution), key=key, partition=partition)

    @asynccontextmanager
    async def _confirmed(self, messages: int) -> AsyncIterator[_Confirmation]:
        """Returns when the broker has all that the block produces. Raises: LogUnavailable, EventTooLarge."""
        if not self._topics_exist:
            raise LogUnavailable("Kafka has not answered since the start")
        confirmation = _Confirmation(messages)
        self._pending += 1
        self._awake.set()
        try:
            yield confirmation
            await confirmation.future  # librdkafka has a word on each message within DELIVERY_TIMEOUT and a second
        finally:
            self._pending -= 1

    async def beat(self, number: int, at: Micros) -> None:
        """See the port."""
        async with self._confirmed(1) as confirmation:
            partition = number % await self._partition_count()
            value = encode_change(heartbeat(partition, at))
            self._produce(confirmation, CRM_EVENTS, value, key="", partition=partition)

    async def _partition_count(self) -> int:
        if not self._partitions:
            try:
                _, self._partitions = await self._brokers_and_partitions()
            except KafkaException as error:
                raise _translated(error.args[0]) from None
        return self._partitions

    def _produce(
        self, confirmation: _Confirmation, topic: str, value: bytes, *, key: str | None = None, partition: int = BY_KEY
    ) -> None:
        try:
            self._producer.produce(topic, value, key, partition=partition, on_delivery=confirmation.confirmed)
        except BufferError:
            raise LogUnavailable("too much is waiting for Kafka") from None
        except KafkaException as error:
            raise _translated(error.args[0]) from None

    async def run(self) -> None:
        """Serves the producer's callbacks: every millisecond while somebody waits.

        Raises: KafkaException when the producer cannot go on; the process must start anew.
        """
        while True:
            if not self._pending:
                self._awake.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_POLL_SECONDS):
                        await self._awake.wait()
            self._producer.poll(0)
            await asyncio.sleep(POLL_SECONDS)

    async def create_topics(self, settings: KafkaSettings, *, retention: timedelta) -> None:
        """Creates what is missing, as soon as Kafka answers."""
        while not self._topics_exist:
            try:
                await ensure_topics(
                    settings.bootstrap_servers, TOPICS, partitions=settings.partitions, retention=retention
                )
            except KafkaAway as error:
                log.warning("kafka_unavailable", detail=str(error))
            else:
                self._topics_exist = True

    async def state(self) -> str:
        """For /readyz: whether an event could be stored now. Raises: KafkaException, LogUnavailable."""
        if not self._topics_exist:
            raise LogUnavailable("Kafka has not answered since the start")
        if not self._identity.assigned:
            raise LogUnavailable("Kafka has not given our producer its id")
        brokers, _ = await self._brokers_and_partitions()
        return f"{brokers} broker(s)"

    async def _brokers_and_partitions(self) -> tuple[int, int]:
        """Of crm.events, as Kafka says now. Raises: KafkaException."""
        found = await asyncio.to_thread(self._producer.list_topics, CRM_EVENTS, METADATA_TIMEOUT.total_seconds())
        return len(found.brokers), len(found.topics[CRM_EVENTS].partitions)

    async def drain(self) -> None:
        """Returns when nothing waits any more, or after five seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_TIMEOUT.total_seconds()):
                while len(self._producer):  # noqa: ASYNC110 - librdkafka has a count, no event
                    await asyncio.sleep(POLL_SECONDS)


def end_if_fatal(error: KafkaError) -> None:
    """Called by ``poll``. After a fatal error an idempotent producer refuses everything for ever."""
    if error.fatal():
        raise KafkaException(error)
    log.debug("kafka_error", code=error.name(), detail=error.str())


def _translated(error: KafkaError) -> LogUnavailable | EventTooLarge:
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return EventTooLarge("an event is larger than Kafka takes")
    return LogUnavailable(f"Kafka did not take it: {error.name()}")


def producer_config(bootstrap_servers: str) -> dict[str, Any]:
    """Stored means stored on all in-sync replicas; keys go where our other producers (aiokafka) put them."""
    return {
        "bootstrap.servers": bootstrap_servers,
        "acks": "all",
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "linger.ms": int(LINGER / timedelta(milliseconds=1)),
        "max.in.flight.requests.per.connection": REQUESTS_IN_FLIGHT,
        "statistics.interval.ms": int(STATISTICS_INTERVAL / timedelta(milliseconds=1)),
        "message.timeout.ms": int(DELIVERY_TIMEOUT / timedelta(milliseconds=1)),
        "message.max.bytes": MAX_MESSAGE_BYTES,
        "allow.auto.create.topics": False,
        "topic.metadata.refresh.interval.ms": 60_000,
        "socket.keepalive.enable": True,
        "reconnect.backoff.max.ms": 1_000,
    }


@asynccontextmanager
async def open_event_log(settings: KafkaSettings, *, retention: timedelta) -> AsyncIterator[KafkaEventLog]:
    """A running event log; what waits at the end is still sent. A broker that is away is waited for."""
    event_log = KafkaEventLog(settings.bootstrap_servers)
    async with asyncio.TaskGroup() as tasks:
        poller = tasks.create_task(event_log.run())
        creator = tasks.create_task(event_log.create_topics(settings, retention=retention))
        try:
            yield event_log
            await event_log.drain()
        finally:
            creator.cancel()
            poller.cancel()
