"""One of two states that are compared: its cells, distinct values and facts as they are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from redis.asyncio import Redis
from redis.exceptions import RedisError

from cli.rebuild.key_space import Held
from services.aggregator.adapters.redis_scoreboard_store import RedisScoreboardStore
from services.aggregator.adapters.redis_scripts import as_transient
from services.aggregator.domain.stored import RepRef
from shared.adapters.live_state import OneState, StateLayout
from shared.adapters.scoreboard_reader import ScoreboardReader
from shared.contracts import keys
from shared.contracts.messages import decode_cell
from shared.domain.cells import CellQuery, SubjectCells
from shared.domain.facts import Fact, PageEntry

Cells: TypeAlias = Mapping[str, bytes]
"""Packed cells by name."""
Values: TypeAlias = Mapping[tuple[str, str], Mapping[bytes, bytes]]
"""Distinct values and numbers with how many facts have them, by (definition, cell)."""
_NO_CELLS = {keys.VERSION_FIELD, keys.PAGES_FIELD, keys.PACKED_FIELD}


class Side:
    """Reads a state by its layout; ``has``: its keys, as last looked at. Every method raises TransientError."""

    def __init__(self, redis: Redis, layout: StateLayout) -> None:
        self.layout = layout
        self.has = Held()
        self._redis = redis
        self._store = RedisScoreboardStore(redis, log_epoch=layout.epoch, state=layout.name)
        self._reader = ScoreboardReader(redis, OneState(layout))

    async def versions(self, refs: Sequence[RepRef]) -> list[int]:
        """In the order of the question; 0 for who has no cells."""
        if not refs or not self.layout.facts:
            return [0] * len(refs)
        pipeline = self._redis.pipeline(transaction=False)
        for ref in refs:
            pipeline.hget(self.cells_key(ref), keys.VERSION_FIELD)
        try:
            return [int(answer or 0) for answer in await pipeline.execute()]
        except (RedisError, OSError, TimeoutError) as error:
            raise as_transient(error) from error

    async def cells(self, refs: Sequence[RepRef]) -> list[tuple[Cells, Values]]:
        """Everything that readings come from, in the order of the question."""
        if not self.layout.facts:
            return [({}, {})] * len(refs)
        pipeline = self._redis.pipeline(transaction=False)
        places = {ref: sorted(self.has.values.get(ref, ())) for ref in refs}
        for ref in refs:
            pipeline.hgetall(self.cells_key(ref))
            for place in places[ref]:
                pipeline.hgetall(keys.values_key(self.layout.scoreboard_tag(*ref), *ref, *place))
        try:
            answers = iter(await pipeline.execute())
        except (RedisError, OSError, TimeoutError) as error:
            raise as_transient(error) from error
        found: list[tuple[Cells, Values]] = []
        for ref in refs:
            named = {name.decode(): packed for name, packed in next(answers).items()}
            cells = {name: packed for name, packed in named.items() if name not in _NO_CELLS}
            found.append((cells, {place: values for place in places[ref] if (values := next(answers))}))
        return found

    async def retained(self, refs: Sequence[RepRef]) -> list[str]:
        """The day before which pages are gone for their age, in the order of the question; empty for none."""
        if not refs or not self.layout.facts:
            return [""] * len(refs)
        pipeline = self._redis.pipeline(transaction=False)
        for ref in refs:
            pipeline.hget(self.cells_key(ref), keys.RETAINED_FIELD)
        try:
            return [(answer or b"").decode() for answer in await pipeline.execute()]
        except (RedisError, OSError, TimeoutError) as error:
            raise as_transient(error) from error

    async def pages(self, ref: RepRef) -> set[str]:
        """The names of a subject's pages, packed ones included."""
        if not self.layout.facts:
            return set()
        shelf = await self._store.shelf(keys.scoreboard_partition(*ref, self.layout.facts), ref)
        return self.has.pages.get(ref, set()) | set(shelf.pages)

    async def entries(self, ref: RepRef, pages: Sequence[str]) -> Sequence[Mapping[str, PageEntry]]:
        """Page entries by fact id, in the order of the question."""
        if not self.layout.facts:
            return [{} for _ in pages]
        partition = keys.scoreboard_partition(*ref, self.layout.facts)
        return await self._store.entries(partition, ref, pages)

    async def subject(self, ref: RepRef, query: CellQuery) -> SubjectCells:
        """A rep as her readings are worked out from."""
        return (await self._reader.read(ref[0], {ref[1]: query}))[ref[1]]

    def cells_key(self, ref: RepRef) -> str:
        """Where her cells and their version are."""
        return keys.cells_key(self.layout.scoreboard_tag(*ref), *ref)


def differing_facts(live: Mapping[str, PageEntry], rebuilt: Mapping[str, PageEntry]) -> int:
    """How many facts of a page are in one state only, or other in content. Revisions and withdrawals are no content."""
    ids = live.keys() | rebuilt.keys()
    return sum(_fact(live.get(each)) != _fact(rebuilt.get(each)) for each in ids)


def _fact(entry: PageEntry | None) -> Fact | None:
    return None if entry is None else entry.fact


def other_cells(live: tuple[Cells, Values], rebuilt: tuple[Cells, Values]) -> set[str]:
    """The names of cells that are not the same, or whose values are not.

    Cells of periods that begin before what the live state retains are read by nobody any more.
    """
    (cells, values), (new_cells, new_values) = live, rebuilt
    known = (cells.keys() | new_cells.keys()) - keys.BESIDE_CELLS
    names = {name for name in known if not _same(cells.get(name), new_cells.get(name))}
    places = values.keys() | new_values.keys()
    names |= {place[1] for place in places if values.get(place) != new_values.get(place)}
    kept_from = cells.get(keys.RETAINED_FIELD, b"").decode()
    return {name for name in names if not _begins_before(name, kept_from)}


def _begins_before(cell: str, day: str) -> bool:
    first = cell[1:] if cell.startswith("d") else f"{cell[1:]}-01" if cell.startswith("m") else ""
    return bool(first and day) and first < day


def _same(live: bytes | None, rebuilt: bytes | None) -> bool:
    """Whether two packed cells say the same: a sum may be written with more zeros, and an empty cell is none."""
    return live == rebuilt or _decoded(live) == _decoded(rebuilt)


def _decoded(packed: bytes | None) -> object:
    return {} if packed is None else decode_cell(packed)
