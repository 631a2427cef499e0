"""Reads cells from Redis: one round trip for any number of reps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.adapters.live_state import LiveState, OneState, StateLayout
from shared.contracts import keys
from shared.contracts.messages import decode_cell
from shared.domain.accumulators import Accumulator
from shared.domain.cells import CellQuery, SubjectCells
from shared.domain.folded import parsed
from shared.domain.instants import Micros, parse
from shared.errors import TransientError

_BESIDE = (keys.VERSION_FIELD, keys.RETAINED_FIELD, keys.FOLDED_FIELD)
TRIES = 20
"""So often a rep may change while her numbers are read, which takes a millisecond or a few."""


class ScoreboardAway(TransientError):
    """Redis does not answer; nothing can be said about numbers."""

    reason = "redis_unavailable"


class ScoreboardMoving(TransientError):
    """A rep's numbers changed whenever they were read."""

    reason = "numbers_moving"


class ScoreboardReader:
    """The read side of the scoreboard, shared by the API and the alerts."""

    def __init__(self, redis: Redis, state: LiveState | OneState | None = None) -> None:
        """``state``: whose cells to read; without one those of the state that is live."""
        self._redis = redis
        self._live = state or LiveState(redis)

    async def read(self, tenant: str, wanted: Mapping[str, CellQuery]) -> dict[str, SubjectCells]:
        """Cells by rep id, all of one state, and each rep's of one instant.

        Raises: ScoreboardAway, ScoreboardMoving.
        """
        found, left, tries = dict[str, SubjectCells](), dict(wanted), 0
        while left:
            try:
                layout = await self._live.layout()
                if not layout.facts:  # no aggregator ever started
                    return {rep: SubjectCells() for rep in wanted}
                name, *answers = await self._ask(layout, tenant, left)
            except (RedisError, OSError) as error:
                raise ScoreboardAway(str(error)) from error
            if not self._live.is_still(layout, name):
                found, left = {}, dict(wanted)
                continue
            found |= _found(left, answers)
            left = {rep: query for rep, query in left.items() if rep not in found}
            tries += 1
            if left and tries == TRIES:
                raise ScoreboardMoving(f"the numbers of {len(left)} reps change faster than they can be read")
        return found

    async def _ask(self, layout: StateLayout, tenant: str, wanted: Mapping[str, CellQuery]) -> list[Any]:
        """The live state's name, read before the cells, and the answers in the order of the question."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hget(keys.LAYOUT, keys.STATE_FIELD)
        for rep, query in wanted.items():
            tag = layout.scoreboard_tag(tenant, rep)
            pipeline.hmget(keys.cells_key(tag, tenant, rep), [*_BESIDE, *sorted(query.cells)])
            for definition, cell in sorted(query.values):
                pipeline.hkeys(keys.values_key(tag, tenant, rep, definition, cell))
            for definition, cell in sorted(query.numbers):
                pipeline.hgetall(keys.values_key(tag, tenant, rep, definition, cell))
            if _is_apart(query):  # whatever changed in between raised her version
                pipeline.hget(keys.cells_key(tag, tenant, rep), keys.VERSION_FIELD)
        return list(await pipeline.execute())


def _found(wanted: Mapping[str, CellQuery], answers: Iterable[Any]) -> dict[str, SubjectCells]:
    """Who did not change meanwhile."""
    answer = iter(answers)
    read = {rep: _cells(query, answer) for rep, query in wanted.items()}
    return {rep: cells for rep, cells in read.items() if cells is not None}


def _is_apart(query: CellQuery) -> bool:
    """Whether it takes more than one command, between which a commit may come."""
    return bool(query.values or query.numbers)


def _cells(query: CellQuery, answers: Iterator[Any]) -> SubjectCells | None:
    """One rep's part of the answers, in the order of the question; None if they are of several instants."""
    version, retained, folded, *cells = next(answers)
    found: dict[str, Mapping[str, Accumulator]] = {
        name: decode_cell(blob) for name, blob in zip(sorted(query.cells), cells, strict=True) if blob is not None
    }
    distinct = {key: frozenset(value.decode() for value in next(answers)) for key in sorted(query.values)}
    numbers = {
        key: {Decimal(value.decode()): int(facts) for value, facts in next(answers).items()}
        for key in sorted(query.numbers)
    }
    if _is_apart(query) and next(answers) != version:
        return None
    counted = None if folded is None else parsed(folded.decode())
    return SubjectCells(int(version or 0), found, distinct, numbers, retained_from(retained), counted)


def retained_from(field: bytes | None) -> Micros:
    """The instant that RETAINED_FIELD names; 0 where it is absent."""
    return 0 if field is None else parse(f"{field.decode()}T00:00:00Z")
