"""A process whose clock libfaketime holds still, timers included: what counts time by itself goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.frozen_clock import FrozenClock
from tests.support.processes import PROJECT

NOON = 1772452800
PROGRAM = """
from shared.observability.true_time import keep_timers_true
{keep}
import asyncio, time, uvloop
from confluent_kafka import Producer
async def main():
    before = asyncio.get_running_loop().time()
    await asyncio.sleep(0.2)
    return asyncio.get_running_loop().time() - before
print(uvloop.run(main()) > 0.19)
producer = Producer({{"test.mock.num.brokers": 1, "log_level": 0}})
producer.produce("topic", b"x")
print(producer.flush(10), time.time())
"""

ANEW = """
from shared.observability.true_time import begin_with_true_timers
begin_with_true_timers()
import select, time
before = time.monotonic()
select.select([], [], [], 0.2)
print(time.monotonic() - before > 0.19)
print(time.time())
"""


def run(clock: FrozenClock, program: str, within_seconds: float) -> list[str]:
    clock.set(NOON)
    command = [sys.executable, "-c", program]
    environment = {**os.environ, **clock.environment}
    done = subprocess.run(
        command, env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=within_seconds, check=True
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("stops_timers", [False, True])
def test_the_loop_and_the_kafka_client_keep_their_time_and_the_wall_clock_stands(
    tmp_path: Path, stops_timers: bool
) -> None:
    clock = FrozenClock(tmp_path / "hands", stops_timers=stops_timers)
    assert run(clock, PROGRAM.format(keep="keep_timers_true()"), 30) == ["True", f"0 {NOON}.0"]


def test_without_it_the_loop_stands_still(tmp_path: Path) -> None:
    clock = FrozenClock(tmp_path / "hands", stops_timers=True)
    with pytest.raises(subprocess.TimeoutExpired):
        run(clock, PROGRAM.format(keep=""), 3)


def test_who_starts_others_begins_anew_with_timers_that_run(tmp_path: Path) -> None:
    assert run(FrozenClock(tmp_path / "hands", stops_timers=True), ANEW, 30) == ["True", f"{NOON}.0"]
