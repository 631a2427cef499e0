"""crm.quarantine as it is read: everything into an index, and single bodies from where they lie."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import groupby

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared.adapters.kafka_positions import positions_known
from shared.adapters.kafka_producer import open_producer
from shared.adapters.kafka_topics import KafkaAway
from shared.contracts.messages import Quarantined, decode_quarantined
from shared.contracts.quarantine import RetryAsked, decode_quarantine, encode_asked
from shared.contracts.topics import CRM_QUARANTINE, CRM_RETRIES, MAX_MESSAGE_BYTES
from shared.domain.quarantine import Place, QuarantineIndex
from shared.settings import KafkaSettings

READ_SECONDS = 5.0
"""How long one body may take to come; a broker has it within milliseconds."""
READ_ON = 200
"""A place this little ahead is reached by reading on; seeking throws away what was fetched."""
METADATA_AGE_MS = 30_000


class QuarantineReader:
    """Reads the whole topic, from its beginning, into an index, without a consumer group."""

    def __init__(self, consumer: AIOKafkaConsumer, index: QuarantineIndex) -> None:
        self._consumer = consumer
        self.index = index
        self._next: dict[int, int] = {}

    async def catch_up(self) -> None:
        """Returns when all that is there now has been taken. Raises: KafkaError."""
        async with asyncio.timeout(READ_SECONDS):  # the topic may be missing
            await positions_known(self._consumer, (CRM_QUARANTINE,))
        ends = await self._consumer.end_offsets(list(self._consumer.assignment()))
        while any([await self._consumer.position(place) < end for place, end in ends.items()]):
            await self.take(timeout_ms=200)

    async def take(self, *, timeout_ms: int) -> None:
        """Takes what comes next. Raises: KafkaError; KafkaAway when it has to be read anew."""
        for messages in (await self._consumer.getmany(timeout_ms=timeout_ms)).values():
            for message in messages:
                if message.offset < self._next.get(message.partition, 0):
                    raise KafkaAway(f"{CRM_QUARANTINE} begins again: it was made anew")
                self._next[message.partition] = message.offset + 1
                self.index.take(Place(message.partition, message.offset), decode_quarantine(message.value))

    async def forget_expired(self) -> None:
        """Drops what retention has taken from the topic. Raises: KafkaError."""
        for place, start in (await self._consumer.beginning_offsets(list(self._consumer.assignment()))).items():
            self.index.forget_before(place.partition, start)


@asynccontextmanager
async def reading_quarantine(settings: KafkaSettings, index: QuarantineIndex) -> AsyncIterator[QuarantineReader]:
    """A reader at the topic's beginning. Raises: KafkaAway."""
    async with _consumer(settings, CRM_QUARANTINE) as consumer:
        yield QuarantineReader(consumer, index)


class QuarantineBodies:
    """Reads single entries with their bodies; one read at a time."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._lock = asyncio.Lock()

    async def read(self, places: Sequence[Place]) -> Mapping[Place, Quarantined]:
        """The entries that are still there and can be read. Raises: KafkaAway."""
        if not places:
            return {}
        found: dict[Place, Quarantined] = {}
        async with self._lock, _consumer(self._settings) as consumer:
            for partition, some in groupby(sorted(places), key=lambda place: place.partition):
                async for message in _messages(consumer, partition, [place.offset for place in some]):
                    entry = _entry(message.value)
                    if entry is not None:
                        found[Place(partition, message.offset)] = entry
        return found


async def ask_for_retries(settings: KafkaSettings, asked: Sequence[RetryAsked]) -> None:
    """Writes to crm.retries; returns when the brokers have it. Raises: KafkaAway."""

    async def send(producer: AIOKafkaProducer) -> None:
        for one in asked:
            await producer.send_and_wait(CRM_RETRIES, encode_asked(one), key=str(one.partition).encode())

    try:
        async with asyncio.timeout(2 * READ_SECONDS), open_producer(settings) as producer:
            await send(producer)
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaAway(f"the retry was not stored: {error!r}") from error


@asynccontextmanager
async def _consumer(settings: KafkaSettings, *topics: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=settings.bootstrap_servers,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        metadata_max_age_ms=METADATA_AGE_MS,
        max_partition_fetch_bytes=MAX_MESSAGE_BYTES,
    )
    try:
        await consumer.start()
        yield consumer
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaAway(f"{settings.bootstrap_servers} does not answer for {CRM_QUARANTINE}: {error!r}") from error
    finally:
        await consumer.stop()


async def _messages(
    consumer: AIOKafkaConsumer, partition: int, offsets: Sequence[int]
) -> AsyncIterator[ConsumerRecord[bytes, bytes]]:
    """The messages at these offsets, as far as they are there."""
    place = TopicPartition(CRM_QUARANTINE, partition)
    consumer.assign([place])
    start = (await consumer.beginning_offsets([place]))[place]
    end = (await consumer.end_offsets([place]))[place]
    following = -1
    for offset in offsets:
        if not start <= offset < end:
            continue
        if not 0 <= offset - following <= READ_ON:
            consumer.seek(place, offset)
            following = offset
        while following <= offset:
            async with asyncio.timeout(READ_SECONDS):
                message = await consumer.getone(place)
            following = message.offset + 1
            if message.offset == offset:
                yield message


def _entry(value: bytes | None) -> Quarantined | None:
    try:
        return decode_quarantined(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
