"""The ledger's records in Redis: one read and one fenced commit a chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from redis.asyncio import Redis

from services.aggregator.adapters.redis_scripts import Script, pack, text_blob
from services.aggregator.domain.arrivals import Arrivals
from services.aggregator.domain.stored import LedgerCommit, LedgerExpiry, LedgerHeld, RecordsSlice
from services.aggregator.ports import Fenced
from shared.contracts import keys
from shared.domain.facts import EPOCH_BITS

ARRIVALS_KEPT_S = 40 * 86_400
"""Four weeks tell a source's rhythm; counts of a day go so long after the last that was added."""


class RedisLedgerStore:
    """LedgerStore of one state. ``log_epoch``: that of the log which is read, its offsets are later than all before."""

    def __init__(self, redis: Redis, *, log_epoch: int, state: str) -> None:
        self._first = log_epoch << EPOCH_BITS
        self._state = state
        self._read = Script(redis, "lists", "read_records")
        self._commit = Script(redis, "fence", "lists", "commit_ledger")
        self._scan = Script(redis, "scan_records")
        self._expire = Script(redis, "lists", "commit_expiry")
        self._get = Script(redis, "get_beside_offset")
        self._replace = Script(redis, "replace_if")

    async def read(self, partition: int, keys_wanted: Sequence[str]) -> LedgerHeld:
        """Packed records in the order of the keys and the offset that they are of. Raises: RedisAway."""
        tag = keys.ledger_tag(partition, self._state)
        # one packed argument: two thousand arguments of HMGET cost us 2 µs each
        position, records = await self._read([keys.offset_key(tag), keys.records_key(tag)], [pack(keys_wanted)])
        return LedgerHeld(int(position) - self._first, records)

    async def commit(self, partition: int, commit: LedgerCommit) -> Fenced:
        """Applies the chunk if the fence stands at its start. Raises: RedisAway."""
        tag = keys.ledger_tag(partition, self._state)
        records: list[object] = []
        for key, record in commit.records.items():
            records += (key, text_blob(record))
        sources = [part for item in commit.sources.items() for part in item]
        bounds = [self._first + commit.start, self._first + commit.next_offset]
        arrivals = _by_day(tag, commit.arrivals)
        parts = [*bounds, commit.mark, records, sources, _flat(commit.incomplete), ARRIVALS_KEPT_S, *arrivals.values()]
        touched = [keys.offset_key(tag), keys.mark_key(tag), keys.records_key(tag), keys.sources_key(tag)]
        touched += [keys.incomplete_key(tag), *arrivals]
        return Fenced((await self._commit(touched, [pack(parts)])).decode())

    async def scan(self, partition: int, cursor: int, count: int) -> RecordsSlice:
        """About so many records from a cursor on. Raises: RedisAway."""
        tag = keys.ledger_tag(partition, self._state)
        answer = await self._scan([keys.offset_key(tag), keys.records_key(tag)], [cursor, count])
        position, total, following, flat = answer
        records = [(key.decode(), record) for key, record in zip(flat[::2], flat[1::2], strict=True)]
        return RecordsSlice(int(position), int(total), int(following), records)

    async def expire(self, partition: int, expiry: LedgerExpiry) -> bool:
        """Removes and replaces records if the stored next position is that one. Raises: RedisAway."""
        tag = keys.ledger_tag(partition, self._state)
        records = [part for key, record in expiry.replaced.items() for part in (key, text_blob(record))]
        touched = [keys.offset_key(tag), keys.records_key(tag), keys.incomplete_key(tag)]
        argument = pack([expiry.position, expiry.gone, records, _flat(expiry.incomplete)])
        return bool(await self._expire(touched, [argument]))

    async def succession(self, partition: int) -> tuple[int, bytes | None]:
        """The stored next position and the packed succession. Raises: RedisAway."""
        tag = keys.ledger_tag(partition, self._state)
        position, packed = await self._get([keys.offset_key(tag), keys.succession_key(tag)], [])
        return int(position or 0), packed

    async def succeed(self, partition: int, known: bytes, packed: bytes) -> bool:
        """Replaces the succession if it still is the known one. Raises: RedisAway."""
        return bool(
            await self._replace([keys.succession_key(keys.ledger_tag(partition, self._state))], [known, packed])
        )


def _by_day(tag: str, arrivals: Arrivals | None) -> dict[str, list[object]]:
    """Key of a UTC day -> field, count, ..."""
    found: dict[str, list[object]] = {}
    if arrivals is not None:
        for suffix, counts in (("", arrivals.received), (keys.REPEATED, arrivals.repeated)):
            for (source, hour), count in counts.items():
                day, hour_of_day = divmod(hour, 24)
                found.setdefault(keys.arrivals_key(tag, day), []).extend((f"{source}/{hour_of_day}{suffix}", count))
    return found


def _flat(counted: Mapping[str, int]) -> list[object]:
    return [part for item in counted.items() for part in item]
