"""Reads crm.events from any place to any other, without a consumer group."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from cli.rebuild.refusals import LogNotWhole
from services.aggregator.adapters.paced_fetching import fetch_paced
from shared.adapters.kafka_topics import KafkaAway
from shared.contracts.topics import CRM_EVENTS
from shared.settings import KafkaSettings

POLL_MS = 100
FETCH_BYTES = 4 << 20
QUEUED = 2
"""Chunks of a partition that may wait: as many as are fetched while one is at work."""
Queues: TypeAlias = Mapping[int, asyncio.Queue[tuple[int, list[bytes]]]]
"""By partition: the offset of a chunk's first message, and its messages."""


class EventLog:
    """The log's bounds and its messages. Every method raises KafkaAway."""

    def __init__(self, reading: Any, asking: Any) -> None:  # noqa: ANN401 - aiokafka is untyped
        """Two consumers: a question would wait behind the fetch that is under way."""
        self._reading = reading
        self._asking = asking

    async def partitions(self, topic: str) -> int:
        """How many a topic has; 0 for no such topic."""
        try:
            cluster = await self._asking._client.fetch_all_metadata()  # noqa: SLF001 - there is no public way
        except (KafkaError, OSError) as error:
            raise KafkaAway(str(error)) from error
        return len(cluster.partitions_for_topic(topic) or ())

    async def bounds(self, topic: str, partitions: int) -> dict[int, tuple[int, int]]:
        """The first offset of each partition and the one after its last."""
        places = [TopicPartition(topic, number) for number in range(partitions)]
        try:
            starts, ends = await self._asking.beginning_offsets(places), await self._asking.end_offsets(places)
        except (KafkaError, OSError) as error:
            raise KafkaAway(str(error)) from error
        return {place.partition: (starts[place], ends[place]) for place in places}

    async def read(self, spans: Mapping[int, tuple[int, int]], queues: Queues, size: int) -> None:
        """Puts what each partition has from an offset on up to another into its queue, in chunks of at most ``size``.

        Raises: LogNotWhole if the log has a gap there.
        """
        following = {TopicPartition(CRM_EVENTS, number): span[0] for number, span in spans.items()}
        until = {TopicPartition(CRM_EVENTS, number): span[1] for number, span in spans.items()}
        self._reading.assign(list(following))
        for place, start in following.items():
            self._reading.seek(place, start)
        while open_ := [place for place, at in following.items() if at < until[place]]:
            free = [place for place in open_ if not queues[place.partition].full()]
            if not free:
                await asyncio.sleep(POLL_MS / 10_000)
                continue
            for place, records in (await self._poll(free)).items():
                wanted = [record for record in records if record.offset < until[place]]
                for first in range(0, len(wanted), size):
                    part = wanted[first : first + size]
                    _refuse_gaps(place, following[place], part)
                    following[place] = part[-1].offset + 1
                    await queues[place.partition].put((part[0].offset, [record.value or b"" for record in part]))

    async def _poll(self, places: list[TopicPartition]) -> dict[TopicPartition, list[Any]]:
        try:
            found: dict[TopicPartition, list[Any]] = await self._reading.getmany(*places, timeout_ms=POLL_MS)
        except (KafkaError, OSError) as error:
            raise KafkaAway(str(error)) from error
        return found


def _refuse_gaps(place: TopicPartition, expected: int, part: list[Any]) -> None:
    if part[0].offset != expected or part[-1].offset - part[0].offset + 1 != len(part):
        raise LogNotWhole(
            f"crm.events-{place.partition} has a gap between {expected} and {part[-1].offset}: retention cut it "
            "meanwhile, or records were deleted. See what is left with pacer rebuild --dry-run --accept-loss"
        )


@asynccontextmanager
async def open_log(settings: KafkaSettings) -> AsyncIterator[EventLog]:
    """Connections of our own. Raises: KafkaAway."""
    fetch_paced(0.0)
    async with _consumer(settings) as reading, _consumer(settings) as asking:
        yield EventLog(reading, asking)


@asynccontextmanager
async def _consumer(settings: KafkaSettings) -> AsyncIterator[Any]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=POLL_MS,
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    try:
        await consumer.start()
        yield consumer
    except (KafkaError, OSError) as error:
        raise KafkaAway(f"{settings.bootstrap_servers} does not answer: {error}") from error
    finally:
        await consumer.stop()
