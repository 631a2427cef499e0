"""A Redis that dies, forgets, is full, or cannot be reached, under load."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import redis

from tests.support.eventually import eventually
from tests.support.fault_floor import WORKERS, FaultFloor, Offsets
from tests.support.real_kafka import OwnKafka
from tests.support.real_redis import RealRedis
from tests.support.tcp_proxy import Network, TcpProxy

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
AOF = "appendonlydir"


@pytest.fixture(scope="module")
def network(server: RealRedis) -> Iterator[TcpProxy]:
    """The way of all services to Redis."""
    proxy = TcpProxy(server.port)
    yield proxy
    proxy.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def floor(
    broker: OwnKafka, network: TcpProxy, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[FaultFloor]:
    url = f"redis://127.0.0.1:{network.port}/0"
    running = FaultFloor(tmp_path_factory.mktemp("floor"), kafka=broker.bootstrap, redis_url=url, seed=2)
    try:
        await running.open()
        yield running
    finally:
        running.close()


def set_back(server: RealRedis, directory: Path, copy: Path) -> None:
    """Power goes, and what comes back is the copy."""
    server.kill()
    shutil.rmtree(directory / AOF)
    shutil.copytree(copy, directory / AOF)
    server.start()


async def test_redis_killed_and_back_with_its_append_only_file(floor: FaultFloor, server: RealRedis) -> None:
    offsets = Offsets(server.port)
    async with floor.load.flowing():
        for away_seconds in (0.3, 4):
            await asyncio.sleep(2)
            server.kill()
            await asyncio.sleep(away_seconds)
            server.start()
        await offsets.all_moved("Redis killed", since=time.monotonic())
    await floor.check()


async def test_redis_set_back_to_an_older_copy_under_load(
    floor: FaultFloor, server: RealRedis, redis_directory: Path, tmp_path: Path
) -> None:
    offsets = Offsets(server.port)
    async with floor.load.flowing():
        await asyncio.sleep(2)
        shutil.copytree(redis_directory / AOF, tmp_path / "copy")
        await asyncio.sleep(5)
        set_back(server, redis_directory, tmp_path / "copy")
        await offsets.all_moved("Redis set back", since=time.monotonic())
        await asyncio.sleep(2)
    await floor.check()
    assert not floor.restart_dead(), "set back in place, nobody had to end"


async def test_redis_set_back_while_nothing_arrives(
    floor: FaultFloor, server: RealRedis, redis_directory: Path, tmp_path: Path
) -> None:
    shutil.copytree(redis_directory / AOF, tmp_path / "copy")
    async with floor.load.flowing():
        await asyncio.sleep(3)
    await floor.check()
    set_back(server, redis_directory, tmp_path / "copy")
    await floor.check(within_seconds=30)
    assert sum([await floor.metric(name, "aggregator_set_backs_total") for name in WORKERS]) > 0


async def test_redis_emptied_while_nothing_arrives(floor: FaultFloor, server: RealRedis) -> None:
    redis.Redis(port=server.port).flushall()
    await floor.check(within_seconds=60)


async def test_redis_without_memory_for_writes(floor: FaultFloor, server: RealRedis) -> None:
    client = redis.Redis(port=server.port)
    async with floor.load.flowing():
        await asyncio.sleep(2)
        client.config_set("maxmemory", 1_000_000)
        await asyncio.sleep(6)
        client.config_set("maxmemory", 0)
        await asyncio.sleep(2)
    await floor.check()
    assert sum([await floor.metric(name, "aggregator_retries_total") for name in WORKERS]) > 0


@pytest.mark.parametrize("network_is", [Network.STALLED, Network.CUT, Network.HALF_OPEN])
async def test_a_network_that_fails_on_the_way_to_redis(
    floor: FaultFloor, network: TcpProxy, server: RealRedis, network_is: Network
) -> None:
    offsets = Offsets(server.port)
    async with floor.load.flowing():
        await asyncio.sleep(2)
        network.set(network_is)
        await asyncio.sleep(6)
        network.set(Network.OPEN)
        await offsets.all_moved(f"the network to Redis {network_is}", since=time.monotonic())
    await floor.check()
    await eventually(lambda: not floor.restart_dead())
