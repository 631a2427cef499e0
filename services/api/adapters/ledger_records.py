"""The ledger's records, read from Redis in one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from redis.asyncio import Redis

from services.api.adapters.live_reads import LiveReads
from shared.adapters.kafka_partitions import ledger_partition
from shared.adapters.live_state import StateLayout
from shared.contracts import keys
from shared.contracts.records import unpack
from shared.domain.records import Record, RecordKey


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
