"""Marks and restatements in Redis; all keys of a rep lie in the slot of her partition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.aggregator.adapters.redis_scripts import Script, as_transient
from services.aggregator.domain.stored import RepRef
from shared.adapters.scoreboard_reader import retained_from
from shared.contracts import keys
from shared.contracts.messages import decode_cell
from shared.contracts.restatements import VERSION_FIELD, decode_marks, encode_restatement
from shared.domain.cells import CellQuery
from shared.domain.restatements import RESTATEMENTS_KEPT, CountedCells, RepMarks, Restatement


class RedisRestatementStore:
    """RestatementStore of one state."""

    def __init__(self, redis: Redis, *, state: str) -> None:
        self._redis = redis
        self._state = state
        self._marks = Script(redis, "read_marks")
        self._tell = Script(redis, "tell_restatements")

    async def marked(self, partition: int, count: int) -> tuple[int, Sequence[RepRef]]:
        """How many reps have marks, and some of them. Raises: RedisAway."""
        key = keys.marked_key(keys.scoreboard_tag(partition, self._state))

        def ask(pipeline: Any) -> None:  # noqa: ANN401 - redis-py's pipelines have no common type
            pipeline.scard(key)
            pipeline.srandmember(key, count)

        total, names = await self._answers(ask)
        refs = [name.decode().partition("/") for name in names]
        return total, [(tenant, rep) for tenant, _, rep in refs]

    async def marks(self, partition: int, ref: RepRef) -> RepMarks | None:
        """A rep's marks. Raises: RedisAway."""
        tag = keys.scoreboard_tag(partition, self._state)
        marks, values = await self._marks([keys.marks_key(tag, *ref), keys.marked_values_key(tag, *ref)], [])
        if not marks:
            return None
        fields = {field.decode(): found for field, found in zip(marks[::2], marks[1::2], strict=True)}
        deltas = {field.decode(): int(found) for field, found in zip(values[::2], values[1::2], strict=True)}
        return decode_marks(fields, deltas)

    async def current(self, partition: int, ref: RepRef, query: CellQuery, version: int) -> CountedCells | None:
        """Her cells and values, unless there are newer marks. Raises: RedisAway.

        Closed cells change with marks only: the version is looked at last.
        """
        tag, names, places = keys.scoreboard_tag(partition, self._state), sorted(query.cells), _places(query)

        def ask(pipeline: Any) -> None:  # noqa: ANN401 - as above
            pipeline.hmget(keys.cells_key(tag, *ref), [keys.RETAINED_FIELD, *names])
            for definition, cell in places:
                pipeline.hgetall(keys.values_key(tag, *ref, definition, cell))
            pipeline.hget(keys.marks_key(tag, *ref), VERSION_FIELD)

        if not names:
            return CountedCells()
        (retained, *packed), *values, stored = await self._answers(ask)
        if stored is None or int(stored) != version:
            return None
        return CountedCells(
            {name: decode_cell(blob) for name, blob in zip(names, packed, strict=True) if blob is not None},
            _counted(places, values),
            retained_from(retained),
        )

    async def terms(self, partition: int, digest: str) -> bytes | None:
        """The packed KPIs of a digest. Raises: RedisAway."""
        key = keys.terms_key(keys.scoreboard_tag(partition, self._state))
        (found,) = await self._answers(lambda pipeline: pipeline.hget(key, digest))
        packed: bytes | None = found
        return packed

    async def tell(self, partition: int, ref: RepRef, version: int, found: Sequence[Restatement]) -> bool:
        """Keeps restatements and forgets the marks, or nothing if there are newer ones. Raises: RedisAway."""
        tag = keys.scoreboard_tag(partition, self._state)
        touched = [keys.marks_key(tag, *ref), keys.marked_values_key(tag, *ref), keys.marked_key(tag)]
        packed = [encode_restatement(each) for each in found[-RESTATEMENTS_KEPT:]]
        arguments = [version, "/".join(ref), RESTATEMENTS_KEPT, *packed]
        return bool(await self._tell([*touched, keys.restatements_key(tag, *ref)], arguments))

    async def _answers(self, ask: Any) -> list[Any]:  # noqa: ANN401 - as above
        pipeline = self._redis.pipeline(transaction=False)
        ask(pipeline)
        try:
            return list(await pipeline.execute())
        except (RedisError, OSError, TimeoutError) as error:
            raise as_transient(error) from error


def _places(query: CellQuery) -> list[tuple[str, str]]:
    return sorted(query.values | query.numbers)


def _counted(places: Sequence[tuple[str, str]], values: Sequence[Any]) -> dict[tuple[str, str], dict[str, int]]:
    return {
        place: {value.decode(): int(facts) for value, facts in found.items()}
        for place, found in zip(places, values, strict=True)
    }
