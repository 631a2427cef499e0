from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from services.api.histories import STALE_SECONDS, Histories
from shared.domain.accumulators import Accumulator
from shared.domain.cells import CellQuery, SubjectCells
from shared.domain.readings import Readings
from tests.support.tenants import tenant

TODAY = date(2026, 11, 23)
YESTERDAY = "d2026-11-22"
NOW_ONLY = CellQuery(frozenset({"d2026-11-23"}))


class Board:
    """One rep's yesterday, and what was asked for."""

    def __init__(self) -> None:
        self.version = 1
        self.yesterday = 5
        self.asked: list[int] = []

    async def read(self, _: str, wanted: Mapping[str, CellQuery]) -> dict[str, SubjectCells]:
        self.asked.append(sum(len(query.cells) for query in wanted.values()))
        day = {"calls": Accumulator(self.yesterday, Decimal(0))}
        return {
            rep: SubjectCells(self.version, {YESTERDAY: day} if YESTERDAY in query.cells else {})
            for rep, query in wanted.items()
        }


class World:
    def __init__(self) -> None:
        self.board = Board()
        self.seconds = 100.0
        self.readings = Readings(tenant())
        self.histories = Histories(self.board, lambda: self.seconds)

    async def yesterday(self) -> int:
        found = await self.histories.read(self.readings, {"ana": NOW_ONLY}, {"ana": TODAY})
        return found.histories["ana"].cells[YESTERDAY]["calls"].count


async def test_a_history_comes_with_the_first_answer_in_one_round_trip() -> None:
    world = World()
    assert (await world.yesterday(), len(world.board.asked)) == (5, 1)


async def test_a_known_history_is_not_read_again() -> None:
    world = World()
    await world.yesterday()
    await world.yesterday()
    assert world.board.asked[1] == len(NOW_ONLY.cells)


async def test_a_changed_rep_has_her_history_read_again() -> None:
    world = World()
    await world.yesterday()
    world.board.version, world.board.yesterday = 2, 7
    world.seconds += STALE_SECONDS + 1
    assert await world.yesterday() == 7


async def test_an_unchanged_rep_keeps_her_history_for_ever() -> None:
    world = World()
    await world.yesterday()
    world.seconds += 3600
    await world.yesterday()
    assert len(world.board.asked) == 2


async def test_a_new_configuration_forgets_what_was_known() -> None:
    world = World()
    await world.yesterday()
    world.board.yesterday = 9
    world.readings = Readings(tenant())
    assert await world.yesterday() == 9
