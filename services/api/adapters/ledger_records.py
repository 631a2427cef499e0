"""The ledger's records, read from Redis in one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.partitioner import murmur2
from redis.asyncio import Redis

from services.api.adapters.live_reads import LiveReads
from shared.adapters.live_state import StateLayout
from shared.contracts import keys
from shared.contracts.records import unpack
from shared.domain.records import Record, RecordKey


def ledger_partition(record_key: str, partitions: int) -> int:
    """The crm.events partition of a record: where Kafka's own clients, and ingest's, put a message with its key."""
    hashed: int = murmur2(record_key.encode())
    return (hashed & 0x7FFF_FFFF) % partitions


class RedisRecords:
    """The read side of the records."""

    def __init__(self, redis: Redis) -> None:
        self._reads = LiveReads(redis)

    async def of(self, record_keys: Iterable[str]) -> Mapping[str, Record]:
        """Records by key; those that are no longer kept are missing. Raises: ScoreboardAway."""
        wanted = list(dict.fromkeys(record_keys))

        def ask(pipeline: Any, layout: StateLayout) -> None:  # noqa: ANN401 - see Ask
            for key in wanted:
                tag = keys.ledger_tag(ledger_partition(key, layout.events), layout.name)
                pipeline.hget(keys.records_key(tag), key)

        found = await self._reads.ask(ask) if wanted else None
        return {
            key: unpack(packed, RecordKey.parse(key))
            for key, packed in zip(wanted, found or [None] * len(wanted), strict=True)
            if packed is not None
        }
