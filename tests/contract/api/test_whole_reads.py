"""Cells and the values beside them are read of one instant, on a real Redis that changes between two commands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from shared.adapters.scoreboard_reader import TRIES, ScoreboardMoving, ScoreboardReader
from shared.domain.cells import CellQuery, SubjectCells
from tests.support.real_redis import RealRedis
from tests.support.scoreboard_filler import ScoreboardFiller

DAY = "d2026-11-23"
BOTH = CellQuery(frozenset({DAY}), frozenset({("accounts", DAY)}))


class Interrupted:
    """A Redis whose pipelines are interrupted after each reading of cells: as often as told, a commit comes."""

    def __init__(self, redis: Redis, filler: ScoreboardFiller, commits: int) -> None:
        self._redis = redis
        self._filler = filler
        self.commits = commits
        self.calls = 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._redis, name)

    def pipeline(self, *, transaction: bool) -> Interrupted._Pipeline:
        assert not transaction
        return self._Pipeline(self)

    async def commit(self) -> None:
        """One more call, with an account of its own."""
        if self.commits:
            self.commits -= 1
            self.calls += 1
            await self._filler.distinct("ana", "accounts", "2026-11-23", [f"a{self.calls}"])
            await self._filler.count("ana", "2026-11-23", {"calls": self.calls})

    class _Pipeline:
        def __init__(self, owner: Interrupted) -> None:
            self._owner = owner
            self._commands: list[tuple[str, tuple[Any, ...]]] = []

        def __getattr__(self, name: str) -> Any:
            return lambda *arguments: self._commands.append((name, arguments))

        async def execute(self) -> list[Any]:
            found = []
            for name, arguments in self._commands:
                found.append(await getattr(self._owner, name)(*arguments))
                if name == "hmget":
                    await self._owner.commit()
            return found


@pytest.fixture
async def redis(redis_server: RealRedis) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_server.url) as client:
        yield client


async def read(redis: Redis, query: CellQuery, *, commits: int) -> tuple[SubjectCells, Interrupted]:
    filler = ScoreboardFiller(redis)
    await filler.lay_out()
    await filler.distinct("ana", "accounts", "2026-11-23", ["a1"])
    await filler.count("ana", "2026-11-23", {"calls": 1})
    interrupted = Interrupted(redis, filler, commits)
    return (await ScoreboardReader(interrupted).read("acme", {"ana": query}))["ana"], interrupted  # type: ignore[arg-type] # as far as it is used


@pytest.mark.parametrize("commits", [0, 1, TRIES - 1])
async def test_a_rep_who_changed_while_she_was_read_is_read_again(redis: Redis, commits: int) -> None:
    cells, interrupted = await read(redis, BOTH, commits=commits)
    assert (cells.cells[DAY]["calls"].count, len(cells.values["accounts", DAY])) == (interrupted.calls,) * 2


async def test_who_never_stands_still_is_not_shown_in_parts(redis: Redis) -> None:
    with pytest.raises(ScoreboardMoving):
        await read(redis, BOTH, commits=TRIES)


async def test_what_one_command_reads_is_of_one_instant(redis: Redis) -> None:
    cells, interrupted = await read(redis, CellQuery(frozenset({DAY})), commits=TRIES)
    assert (cells.cells[DAY]["calls"].count, interrupted.commits) == (1, TRIES - 1)
