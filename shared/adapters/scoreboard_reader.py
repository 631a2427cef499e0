"""Reads cells from Redis: one round trip for any number of reps."""

from __future__ import annotations

from collections.abc import Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.contracts import keys
from shared.contracts.messages import decode_cell
from shared.domain.accumulators import Accumulator
from shared.domain.cells import CellQuery, SubjectCells
from shared.errors import TransientError


class ScoreboardAway(TransientError):
    """Redis does not answer; nothing can be said about numbers."""

    reason = "redis_unavailable"


class ScoreboardReader:
    """The read side of the scoreboard, shared by the API and the alerts."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._partitions: int | None = None

    async def partitions(self) -> int | None:
        """Partitions of kpi.facts as the aggregator laid them out; None before it ever started."""
        if self._partitions is None:
            try:
                stored = await self._redis.hget(keys.LAYOUT, "facts_partitions")
            except (RedisError, OSError) as error:
                raise ScoreboardAway(str(error)) from error
            self._partitions = None if stored is None else int(stored)
        return self._partitions

    async def read(self, tenant: str, wanted: Mapping[str, CellQuery]) -> dict[str, SubjectCells]:
        """Cells by rep id. Raises: ScoreboardAway."""
        partitions = await self.partitions()
        if partitions is None or not wanted:
            return {rep: SubjectCells() for rep in wanted}
        pipeline = self._redis.pipeline(transaction=False)
        for rep, query in wanted.items():
            tag = keys.scoreboard_tag(keys.scoreboard_partition(tenant, rep, partitions))
            pipeline.hmget(keys.cells_key(tag, tenant, rep), [keys.VERSION_FIELD, *sorted(query.cells)])
            for definition, cell in sorted(query.values):
                pipeline.hkeys(keys.values_key(tag, tenant, rep, definition, cell))
        try:
            answers = iter(await pipeline.execute())
        except (RedisError, OSError) as error:
            raise ScoreboardAway(str(error)) from error
        return {
            rep: _cells(query, next(answers), [next(answers) for _ in range(len(query.values))])
            for rep, query in wanted.items()
        }


def _cells(query: CellQuery, packed: list[bytes | None], values: list[list[bytes]]) -> SubjectCells:
    version, *cells = packed
    found: dict[str, Mapping[str, Accumulator]] = {
        name: decode_cell(blob) for name, blob in zip(sorted(query.cells), cells, strict=True) if blob is not None
    }
    distinct = {
        key: frozenset(value.decode() for value in named)
        for key, named in zip(sorted(query.values), values, strict=True)
    }
    return SubjectCells(int(version or 0), found, distinct)
