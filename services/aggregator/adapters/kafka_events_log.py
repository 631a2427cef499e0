"""crm.events beside the flow of chunks: a look at any place of it, and a word written to it once more."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import AsyncExitStack

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.aggregator.adapters.kafka_publishers import RenewableProducer
from shared.adapters.kafka_topics import KafkaAway
from shared.contracts.messages import encode_change
from shared.contracts.topics import CRM_EVENTS
from shared.domain.changes import RecordChange
from shared.settings import KafkaSettings

ANSWER_MS = 2_000


class KafkaEventsLog:
    """EventsLog. A consumer of its own for each look: seldom, and nothing is left open meanwhile."""

    def __init__(self, settings: KafkaSettings, producer: RenewableProducer, chance: random.Random) -> None:
        self._settings = settings
        self._producer = producer
        self._chance = chance

    async def sample(self, partition: int, *, before: int, count: int) -> Sequence[bytes]:
        """Up to so many consecutive messages. Raises: KafkaAway."""
        place = TopicPartition(CRM_EVENTS, partition)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.bootstrap_servers, group_id=None, enable_auto_commit=False
        )
        async with AsyncExitStack() as stack:
            stack.push_async_callback(consumer.stop)
            try:
                await consumer.start()
                consumer.assign([place])
                first = (await consumer.beginning_offsets([place]))[place]
                if first >= before:
                    return []
                start = self._chance.randrange(first - count + 1, before)  # the log's first events as often as others
                consumer.seek(place, max(first, start))
                found = await consumer.getmany(place, timeout_ms=ANSWER_MS, max_records=count)
            except (KafkaError, OSError) as error:
                raise KafkaAway(f"the log does not answer: {type(error).__name__}: {error}") from error
        return [record.value or b"" for record in found.get(place, ()) if record.offset < before]

    async def write_again(self, partition: int, change: RecordChange) -> None:
        """Appends a change. Raises: KafkaAway."""
        value, key = encode_change(change), change.key.encode()
        await self._producer.run(
            lambda producer: producer.send_and_wait(CRM_EVENTS, value, key=key, partition=partition)
        )
