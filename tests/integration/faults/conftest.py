"""One deployment a module: a start costs more than a fault. Each test leaves it whole and caught up."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.fault_floor import FaultFloor
from tests.support.real_kafka import OwnKafka, _from_jars
from tests.support.real_redis import RealRedis


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnKafka]:
    """A node of the module's own, to be killed."""
    yield from _from_jars(tmp_path_factory.mktemp("kafka"))


@pytest.fixture(scope="module")
def redis_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where its append-only file lies."""
    return tmp_path_factory.mktemp("redis")


@pytest.fixture(scope="module")
def server(redis_directory: Path) -> Iterator[RealRedis]:
    """Redis with AOF, of the module's own."""
    running = RealRedis(redis_directory, durable=True, binary=shutil.which("redis-server"))
    running.start()
    yield running
    running.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def floor(
    broker: OwnKafka, server: RealRedis, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[FaultFloor]:
    """Two workers and all services, with a first round of load compared."""
    running = FaultFloor(tmp_path_factory.mktemp("floor"), kafka=broker.bootstrap, redis_url=server.url, seed=1)
    try:
        await running.open()
        yield running
    finally:
        running.close()
