"""A worker on real Kafka packs what is old and removes what is too old, a day after it last did."""

from __future__ import annotations

import time

import pytest

from cli.up.free_ports import free_ports
from shared.domain.instants import DAY_US
from tests.support.aggregator_floor import REPS, Floor
from tests.support.eventually import eventually
from tests.support.processes import Processes

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]
START_SECONDS = 60.0
MIDNIGHT = time.time_ns() // 1000 // DAY_US * DAY_US
LONG_AGO, A_WHILE_AGO, RECENTLY = (MIDNIGHT - days * DAY_US for days in (500, 50, 5))
CALLS = 1_000


async def test_old_days_are_packed_and_very_old_ones_go(floor: Floor, processes: Processes) -> None:
    worker = floor.worker(processes, free_ports(1)[0])
    floor.log_calls(CALLS, since=LONG_AGO)
    await eventually(floor.total, equals=CALLS, within_seconds=START_SECONDS)
    floor.forget_calls()
    floor.log_calls(CALLS, since=A_WHILE_AGO)
    floor.log_calls(CALLS, since=RECENTLY)
    await eventually(floor.total, equals=3 * CALLS, within_seconds=START_SECONDS)
    assert floor.pages() == (3 * REPS, 0)  # no sweep at a start, however old the facts
    worker.signal()
    assert worker.wait() == 0

    floor.swept_a_day_ago()
    floor.worker(processes, free_ports(1)[0])
    await eventually(floor.pages, equals=(REPS, REPS), within_seconds=START_SECONDS)
    await eventually(floor.records, equals=2 * CALLS)
    assert floor.counted() == floor.expected

    floor.log_calls(CALLS, since=A_WHILE_AGO)
    await eventually(floor.counted, equals=floor.expected, within_seconds=START_SECONDS)
    assert floor.pages() == (2 * REPS, 0)
