"""`pacer up` killed under load: nothing is left running, and its next start goes on where it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.eventually import eventually
from tests.support.fault_up import UpFloor, is_alive
from tests.support.real_kafka import OwnKafka
from tests.support.real_redis import RealRedis

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def floor(
    broker: OwnKafka, server: RealRedis, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[UpFloor]:
    running = UpFloor(tmp_path_factory.mktemp("floor"), kafka=broker.bootstrap, redis_url=server.url, seed=4)
    try:
        await running.open()
        yield running
    finally:
        running.close()


async def test_a_killed_supervisor_leaves_no_orphans_and_goes_on_at_the_next_start(floor: UpFloor) -> None:
    async with floor.load.flowing():
        await asyncio.sleep(2)
        children = floor.children()
        floor.supervisor.kill()
        await eventually(lambda: not [pid for pid in children if is_alive(pid)], within_seconds=5)
        await floor.up()
        await asyncio.sleep(1)
    await floor.check()
    assert len(children) == 5
