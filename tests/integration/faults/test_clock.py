"""The host's clock is set by minutes, back and forth, under every service: nothing is lost, no alert is false."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.support.fault_floor import FaultFloor
from tests.support.real_kafka import OwnKafka
from tests.support.real_redis import RealRedis

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


class HostClock:
    """What the services take for the host's clock."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.environment = {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    async def set(self, seconds: int) -> None:
        """So far from the true time, from within a second on."""
        self._file.write_text(f"{seconds:+d}s\n")
        await asyncio.sleep(1.5)


@pytest.fixture(scope="module")
def host_clock(tmp_path_factory: pytest.TempPathFactory) -> HostClock:
    if not LIBRARIES:
        message = "no libfaketime: apt-get install faketime"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(message)
    clock = HostClock(tmp_path_factory.mktemp("clock") / "offset")
    clock._file.write_text("+0s\n")
    return clock


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def floor(
    broker: OwnKafka, server: RealRedis, host_clock: HostClock, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[FaultFloor]:
    running = FaultFloor(
        tmp_path_factory.mktemp("floor"),
        kafka=broker.bootstrap,
        redis_url=server.url,
        seed=5,
        environment=host_clock.environment,
    )
    try:
        await running.open()
        yield running
    finally:
        running.close()


@asynccontextmanager
async def watermark_never_goes_back(floor: FaultFloor) -> AsyncIterator[None]:
    seen: list[str] = []

    async def look() -> None:
        async with httpx.AsyncClient(timeout=10) as http:
            while True:
                answer = await http.get(f"http://127.0.0.1:{floor.ports['api']}/v1/reps/ana/kpis?kpi=calls")
                seen.append(answer.raise_for_status().json()["watermark"])
                await asyncio.sleep(0.2)

    looking = asyncio.create_task(look())
    yield
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    assert looking.cancelled() and len(seen) > 5 and seen == sorted(seen)


async def test_the_clock_is_set_under_load(floor: FaultFloor, host_clock: HostClock) -> None:
    async with watermark_never_goes_back(floor), floor.load.flowing():
        await asyncio.sleep(2)
        for offset in (240, -60, 0):
            await host_clock.set(offset)
            await asyncio.sleep(2)
    await floor.check()


async def test_the_clock_is_set_while_nothing_arrives(floor: FaultFloor, host_clock: HostClock) -> None:
    async with watermark_never_goes_back(floor):
        for offset in (240, 0, -240, 0):
            await host_clock.set(offset)
            await asyncio.sleep(2)
    assert await floor.metric("alerts", "alerts_clock_steps_total") >= 2
    async with floor.load.flowing():
        await asyncio.sleep(2)
    await floor.check()
