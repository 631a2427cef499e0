"""A state that is made from the log is the one that workers made, whatever is lost on the way and however often."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cli.rebuild import building as building_module
from cli.rebuild import handing_over as handing_module
from cli.rebuild.building import Building
from cli.rebuild.event_log import Queues
from cli.rebuild.handing_over import HandingOver
from cli.rebuild.refusals import StateWentBack, TakenOver
from services.aggregator.ledger import Ledger
from services.aggregator.scoreboard import Scoreboard
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS
from tests.support.aggregator_fakes import ListUpdates
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.aggregator_stores import InMemoryLedgerStore, InMemoryScoreboardStore
from tests.support.aggregator_tenant import counting_tenant
from tests.support.changes import call
from tests.support.floor_events import as_change, deliveries


class ListedLog:
    """crm.events in memory: one partition, read in chunks of the test's own sizes."""

    def __init__(self, log: list[bytes], sizes: Sequence[int] = ()) -> None:
        self.log = log
        self.sizes = list(sizes)

    async def read(self, spans: Mapping[int, tuple[int, int]], queues: Queues, size: int) -> None:
        for partition, (start, end) in spans.items():
            at = start
            while at < end:
                following = min(end, at + (self.sizes.pop(0) if self.sizes else size))
                await queues[partition].put((at, self.log[at:following]))
                at = following


class Made:
    """A new state on stores of its own, and processes that make it one after the other."""

    def __init__(self, floor: InMemoryFloor) -> None:
        self.floor = floor
        self.ledger_store, self.scoreboard_store = InMemoryLedgerStore(), InMemoryScoreboardStore()
        self.is_made = True

    async def ledgers(self) -> dict[int, int | None]:
        return {0: self.ledger_store.fence.offsets[0]}

    async def handed(self, partition: int) -> int | None:
        return self.scoreboard_store.fence.offsets[partition] if self.is_made else None

    def process(self, sizes: Sequence[int] = ()) -> Building:
        floor = self.floor
        scoreboard = Scoreboard(
            self.scoreboard_store, ListUpdates(), poison=floor.keeper(KPI_FACTS), catalogue=floor.catalogue
        )
        handing = HandingOver(scoreboard, self.handed, partitions=floor.publisher.partitions, state="")
        ledger = Ledger(self.ledger_store, handing, poison=floor.keeper(CRM_EVENTS), catalogue=floor.catalogue)
        log: Any = ListedLog(floor.log, sizes)
        positions: Any = self
        return Building(log, ledger, handing, positions, epoch=0, worked=lambda _: None)

    async def run(self, until: int, sizes: Sequence[int] = ()) -> Building:
        building = self.process(sizes)
        await building.look()
        await building.up_to({0: until})
        return building


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (building_module, handing_module):
        monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.0)


def assert_same(made: Made) -> None:
    live, rebuilt = made.floor.scoreboard_store, made.scoreboard_store
    assert rebuilt.facts() == live.facts()
    assert rebuilt.decoded_cells() == live.decoded_cells()
    assert rebuilt.distinct_values() == live.distinct_values()
    assert (rebuilt.unmapped, rebuilt.unconverted) == (live.unmapped, live.unconverted)


@settings(deadline=None, max_examples=60)
@given(
    deliveries(),
    st.lists(st.integers(1, 5), max_size=6),
    st.lists(st.tuples(st.integers(0, 14), st.integers(0, 2), st.integers(0, 2)), max_size=4),
)
def test_killed_anywhere_and_with_commits_lost_it_comes_to_the_live_state(
    delivered: list[dict[str, Any]], sizes: list[int], runs: list[tuple[int, int, int]]
) -> None:
    async def scenario() -> None:
        floor = InMemoryFloor(counting_tenant())
        await floor.take([as_change(event) for event in delivered], sizes)
        made = Made(floor)
        for until, lost_by_ledger, lost_by_scoreboard in runs:
            made.ledger_store.lost_commits, made.scoreboard_store.lost_commits = lost_by_ledger, lost_by_scoreboard
            await made.run(min(until, len(floor.log)), sizes)
        await made.run(len(floor.log))
        assert_same(made)

    with pytest.MonkeyPatch.context() as patch:
        for module in (building_module, handing_module):
            patch.setattr(module, "FIRST_PAUSE_SECONDS", 0.0)
        asyncio.run(scenario())


async def test_it_follows_an_edit_that_came_meanwhile() -> None:
    floor = InMemoryFloor(counting_tenant())
    await floor.take([call(f"c-{number}", owner="ghost") for number in range(8)])
    made = Made(floor)
    await made.run(5)
    owners = {**floor.tenant.owners, ("native", "ghost"): "cy"}
    floor.edit(replace(floor.tenant, owners=owners))
    await floor.settle()
    building = await made.run(8)
    await building.settle()
    assert_same(made)
    assert {subject for subject, _, _ in made.scoreboard_store.facts()} == {"cy"}


async def test_two_processes_at_once_come_to_the_same_state() -> None:
    floor = InMemoryFloor(counting_tenant())
    await floor.take([call(f"c-{number}") for number in range(20)])
    made = Made(floor)
    done = await asyncio.gather(made.run(20, [3] * 7), made.run(20, [4] * 5), return_exceptions=True)
    assert all(isinstance(each, Building | ExceptionGroup) for each in done), done
    await made.run(20)
    assert_same(made)


async def test_a_redis_that_lost_a_part_of_the_state_ends_it() -> None:
    floor = InMemoryFloor(counting_tenant())
    await floor.take([call(f"c-{number}") for number in range(6)])
    made = Made(floor)
    building = await made.run(4)
    made.ledger_store.fence.offsets[0] = 2
    with pytest.raises(ExceptionGroup) as raised:
        await building.up_to({0: 6})
    assert isinstance(raised.value.exceptions[0], StateWentBack)


async def test_nothing_is_made_on_once_the_state_is_live() -> None:
    floor = InMemoryFloor(counting_tenant())
    await floor.take([call(f"c-{number}") for number in range(6)])
    made = Made(floor)
    await made.run(3)
    made.is_made = False
    with pytest.raises(ExceptionGroup) as raised:
        await made.run(6)
    assert isinstance(raised.value.exceptions[0], TakenOver)
    assert made.ledger_store.fence.offsets[0] == 3
