"""Processes that die or freeze under load."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from tests.support.eventually import eventually
from tests.support.fault_floor import WORKERS, FaultFloor, Offsets
from tests.support.real_redis import RealRedis

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


async def test_without_a_fault_all_is_exact(floor: FaultFloor) -> None:
    async with floor.load.flowing():
        await asyncio.sleep(3)
    await floor.check()


async def test_ingest_killed(floor: FaultFloor) -> None:
    async with floor.load.flowing():
        for _ in range(2):
            await asyncio.sleep(2)
            floor.kill("ingest")
            floor.start("ingest")
            await floor.ready("ingest")
    await floor.check()


async def test_a_worker_killed_at_any_time(floor: FaultFloor, server: RealRedis) -> None:
    offsets = Offsets(server.port)
    async with floor.load.flowing():
        await asyncio.sleep(2)
        killed_at = time.monotonic()
        floor.kill("aggregator")
        await offsets.all_moved("a worker killed", since=killed_at)
        floor.start("aggregator")
        await floor.ready("aggregator")
        await asyncio.sleep(1)
    await floor.check()


async def test_both_workers_and_alerts_killed_at_once(floor: FaultFloor) -> None:
    async with floor.load.flowing():
        await asyncio.sleep(2)
        floor.kill(*WORKERS, "alerts")
        floor.start(*WORKERS, "alerts")
        await floor.ready(*WORKERS, "alerts")
    await floor.check()


async def test_rebalances_all_the_time(floor: FaultFloor) -> None:
    async with floor.load.flowing():
        for number in range(6):
            await asyncio.sleep(2.5)
            if number % 2:
                floor.start("aggregator-2")
            else:
                floor.running["aggregator-2"].signal(signal.SIGTERM)
                await asyncio.to_thread(floor.running["aggregator-2"].wait, 20)
        await floor.ready(*WORKERS)
    await floor.check()


async def test_an_owner_that_wakes_up_as_a_zombie(floor: FaultFloor, server: RealRedis) -> None:
    offsets = Offsets(server.port)
    async with floor.load.flowing():
        await asyncio.sleep(2)
        stopped_at = time.monotonic()
        floor.running["aggregator"].signal(signal.SIGSTOP)
        await offsets.all_moved("a worker stopped", since=stopped_at)
        await asyncio.sleep(3)
        floor.running["aggregator"].signal(signal.SIGCONT)
        await asyncio.sleep(4)
        floor.restart_dead()
    await floor.check()
    await floor.ready("aggregator")


@pytest.mark.parametrize("point", ["before_publish", "before_ledger_commit", "after_ledger_commit", "before_update"])
async def test_a_worker_killed_in_the_middle_of_a_commit(floor: FaultFloor, point: str) -> None:
    async with floor.load.flowing():
        for _ in range(2):
            await asyncio.sleep(1)
            (floor.fault_points / point).touch()
            await eventually(lambda: not (floor.fault_points / point).exists(), within_seconds=20)
            await eventually(floor.restart_dead, within_seconds=5)
            await floor.ready(*WORKERS)
    await floor.check()
