"""After any edits at any moment, through crashes, numbers are what a fresh run under the last configuration gives."""

from __future__ import annotations

import asyncio
from typing import Any, TypeAlias

from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.errors import TransientError
from tests.support.aggregator_edits import BASE, EDITS
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.changes import on_the_log
from tests.support.floor_events import as_change, deliveries

Event: TypeAlias = dict[str, Any]
Step: TypeAlias = tuple[str, Any]
SIZES = st.integers(1, 5)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("edit"), st.sampled_from(sorted(EDITS))),
        st.tuples(st.just("chunk"), SIZES),
        st.tuples(st.sampled_from(("crash", "late crash")), SIZES),
        st.tuples(st.sampled_from(("settle", "lost settle", "late settle", "restart", "score", "lost score")), SIZES),
    ),
    max_size=14,
)


class Story:
    """A floor with its log, to which one step after another happens."""

    def __init__(self, delivered: list[Event]) -> None:
        self.floor = InMemoryFloor(BASE)
        self.floor.ledger_store.most_scanned = 1
        self.floor.log = on_the_log([as_change(event) for event in delivered])

    async def tell(self, steps: list[Step]) -> InMemoryFloor:
        """Takes the steps, lets everything arrive, and all settle."""
        for name, detail in steps:
            await self._step(name, detail)
        self.floor.publisher.arrive()
        await self.floor.take([])
        await self.floor.score()
        await self.floor.settle()
        return self.floor

    async def _step(self, name: str, detail: Any) -> None:
        floor = self.floor
        floor.publisher.delays = name.startswith("late")
        if name == "edit":
            floor.edit(EDITS[detail])
        elif name == "restart":
            floor.restart()
        elif name.endswith("score"):
            await self._perhaps_lost(name, floor.scoreboard_store, floor.score())
        elif name.endswith("settle"):
            await self._settle(name)
        else:
            await self._chunk(name, detail)
        floor.publisher.delays = False

    async def _chunk(self, name: str, size: int) -> None:
        start = self.floor.ledger_store.fence.offsets[0]
        if start < len(self.floor.log):
            work = self.floor.try_chunk(start, size)
            await self._perhaps_lost("lost" if name.endswith("crash") else name, self.floor.ledger_store, work)
        if name.endswith("crash"):
            self.floor.restart()

    async def _settle(self, name: str) -> None:
        await self.floor.ledger.settle(0)
        if name == "late settle":
            self.floor.restart()
        for partition in range(self.floor.publisher.partitions):
            await self._perhaps_lost(name, self.floor.scoreboard_store, self.floor.scoreboard.settle(partition))

    @staticmethod
    async def _perhaps_lost(name: str, store: Any, work: Any) -> None:
        store.lost_commits = 1 if name.startswith("lost") else 0
        try:
            await work
        except TransientError:
            pass
        finally:
            store.lost_commits = 0


@settings(deadline=None, max_examples=150)
@given(deliveries(), STEPS)
def test_numbers_follow_every_edit(delivered: list[Event], steps: list[Step]) -> None:
    floor = asyncio.run(Story(delivered).tell(steps))
    fresh = asyncio.run(_fresh(floor, delivered))
    assert shown(floor) == shown(fresh)


BACK_AND_FORTH = [
    {"id": "e5", "type": "deal.lost", "record": "deal-2", "occurred_at": "2026-11-24T09:00:00Z", "rep": "ghost"},
    {"id": "e4", "type": "deal.updated", "record": "deal-2", "occurred_at": "2026-11-24T09:00:00Z", "rep": "ana"},
]
"""The second changes no fact. Whoever dies while ghost is cy's withdraws it from ghost all the same."""


@settings(deadline=None, max_examples=100)
@example([event | {"fields": {}} for event in BACK_AND_FORTH], 0, 1, ["identity added", "zone changed"])
@given(deliveries(), st.integers(0, 5), SIZES, st.lists(st.sampled_from(sorted(EDITS)), min_size=1, max_size=3))
def test_what_a_dying_worker_had_published_is_taken_back(
    delivered: list[Event], applied: int, crashed: int, edits: list[str]
) -> None:
    settling: list[Step] = [("settle", 1)] * (len(delivered) + 2)
    steps: list[Step] = [("chunk", applied or 1)]
    for edit in edits:
        steps += [("late crash", crashed), ("edit", edit), *settling]
    floor = asyncio.run(Story(delivered).tell(steps))
    assert shown(floor) == shown(asyncio.run(_fresh(floor, delivered)))


async def _fresh(floor: InMemoryFloor, delivered: list[Event]) -> InMemoryFloor:
    fresh = InMemoryFloor(floor.tenant)
    await fresh.take([as_change(event) for event in delivered])
    return fresh


def shown(floor: InMemoryFloor) -> tuple[Any, ...]:
    store = floor.scoreboard_store
    return (
        store.facts(), store.decoded_cells(), store.distinct_values(), store.unmapped, store.unconverted,
    )  # fmt: skip
