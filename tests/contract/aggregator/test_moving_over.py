"""A worker moves to another state, and holds its ledgers still before, without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from faust.types import TP

from services.aggregator.ports import Chunk, Fenced
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS
from tests.support.eventually import eventually
from tests.support.transport_rig import EVENTS_0, EVENTS_1, FACTS_0, Recorder, Rig, records


class OtherState:
    """What another state has: use cases and positions of its own."""

    def __init__(self, stored: Mapping[TP, int]) -> None:
        self.recorder = Recorder()
        self.stored = stored

    async def load(self, bounds: Mapping[TP, tuple[int, int]]) -> Mapping[TP, int]:
        return {tp: self.stored[tp] for tp in bounds}

    def become_live(self, rig: Rig) -> None:
        rig.flow.take_over({CRM_EVENTS: self.recorder, KPI_FACTS: self.recorder}, self.load)
        rig.worker.consumer.start_over()

    def spans(self) -> list[tuple[int, int, int]]:
        return [(chunk.partition, chunk.start, chunk.next_offset) for chunk in self.recorder.chunks]


async def test_chunks_go_on_where_the_state_that_became_live_is(rig: Rig) -> None:
    other = OtherState({EVENTS_0: 4, EVENTS_1: 0, FACTS_0: 0})
    rig.polls.put_nowait({EVENTS_0: records(10, 2)})
    await eventually(rig.spans, equals=[(0, 10, 12)])
    other.become_live(rig)
    assert rig.worker.consumer.applied == {}, "what the old state had applied says nothing of the new one"
    rig.polls.put_nowait({EVENTS_0: records(12, 1)})
    rig.polls.put_nowait({EVENTS_0: records(4, 2)})
    await eventually(other.spans, equals=[(0, 4, 6)])
    assert rig.spans() == [(0, 10, 12)]


async def test_a_chunk_in_work_ends_in_the_state_that_it_began_in(rig: Rig) -> None:
    release, other = asyncio.Event(), OtherState({EVENTS_0: 12, EVENTS_1: 0, FACTS_0: 0})

    async def slow(_: Chunk) -> Fenced:
        await release.wait()
        return Fenced.APPLIED

    rig.recorder.answer = slow
    rig.polls.put_nowait({EVENTS_0: records(10, 6)})
    await eventually(lambda: rig.worker.consumer.unacked)
    other.become_live(rig)
    release.set()
    await eventually(rig.spans, equals=[(0, 10, 13)])
    rig.polls.put_nowait({})
    await eventually(lambda: rig.worker.consumer.applied.get(EVENTS_0), equals=12)
    rig.polls.put_nowait({EVENTS_0: records(12, 2)})
    await eventually(other.spans, equals=[(0, 12, 14)])


async def test_positions_that_were_read_for_the_old_state_are_not_gone_on_from(rig: Rig) -> None:
    other, asked, release = OtherState({EVENTS_0: 3, EVENTS_1: 0, FACTS_0: 0}), asyncio.Event(), asyncio.Event()

    async def slow(bounds: Mapping[TP, tuple[int, int]]) -> Mapping[TP, int]:
        asked.set()
        await release.wait()
        return dict.fromkeys(bounds, 10)

    rig.flow._load_offsets = slow
    rig.worker.consumer.drop([EVENTS_0], "as the test wants it")
    rig.polls.put_nowait({})
    rig.polls.put_nowait({})
    await asyncio.wait_for(asked.wait(), 5)
    other.become_live(rig)
    release.set()
    rig.polls.put_nowait({})
    await eventually(lambda: rig.worker.consumer.applied.get(EVENTS_0), equals=3)


async def test_held_ledgers_stand_still_while_the_scoreboards_go_on(rig: Rig) -> None:
    rig.worker.consumer.holding.let([CRM_EVENTS])
    rig.polls.put_nowait({EVENTS_0: records(10, 2), FACTS_0: records(0, 1)})
    await eventually(lambda: [chunk.start for chunk in rig.recorder.chunks], equals=[0])
    assert not await rig.flow.runners[CRM_EVENTS].settle(rig.worker.consumer, EVENTS_0)
    rig.worker.consumer.holding.let([])
    rig.polls.put_nowait({})
    await eventually(lambda: rig.sought[-1].get(EVENTS_0), equals=10)
    rig.polls.put_nowait({EVENTS_0: records(10, 2)})
    await eventually(lambda: rig.spans()[-1], equals=(0, 10, 12))


async def test_faust_fetches_nothing_of_held_ledgers_and_fetches_again_afterwards(rig: Rig) -> None:
    consumer = rig.worker.consumer
    consumer._active_partitions.update(rig.stored)
    consumer.holding.let([CRM_EVENTS])
    consumer.holding.keep()
    assert consumer._get_active_partitions() == {FACTS_0}
    consumer.holding.let([])
    assert consumer._get_active_partitions() == {EVENTS_0, EVENTS_1, FACTS_0}
