"""Lanes: side by side between partitions, one after another within one."""

from __future__ import annotations

import asyncio

from services.aggregator.adapters.lanes import Lanes
from tests.support.eventually import eventually


async def test_a_lanes_items_are_worked_off_in_order() -> None:
    done: list[int] = []

    async def work(item: int) -> None:
        await asyncio.sleep(0)
        done.append(item)

    lanes: Lanes[int] = Lanes(work, lambda _: None)
    for item in range(10):
        await lanes.put("a", item)
    await eventually(lambda: done, equals=list(range(10)))
    await lanes.close()


async def test_a_full_lane_makes_the_giver_wait() -> None:
    release = asyncio.Event()

    async def work(_: int) -> None:
        await release.wait()

    lanes: Lanes[int] = Lanes(work, lambda _: None, depth=1)
    await lanes.put("a", 1)
    await eventually(lanes._queues["a"].empty)
    await lanes.put("a", 2)
    giving = asyncio.create_task(lanes.put("a", 3))
    await asyncio.sleep(0)
    assert not giving.done()
    release.set()
    await giving
    await lanes.close()


async def test_an_exception_is_told_once_and_never_lost() -> None:
    told: list[BaseException] = []
    error = ZeroDivisionError()

    async def work(_: int) -> None:
        raise error

    lanes: Lanes[int] = Lanes(work, told.append)
    await lanes.put("a", 1)
    await eventually(lambda: told, equals=[error])
    await lanes.close()
