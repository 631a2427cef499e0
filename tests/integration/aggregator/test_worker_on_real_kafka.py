"""The aggregator as a process, on a real broker and a real Redis, with faults.

The floor is shared, so that each test also finds the state that the ones before left. Oracle: the sums of all that
was produced.
"""

from __future__ import annotations

import signal

import httpx
import pytest

from cli.up.free_ports import free_ports
from tests.support.aggregator_floor import Floor
from tests.support.eventually import eventually
from tests.support.processes import Processes

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]
LONG = 60.0


async def ready(port: int) -> bool:
    async with httpx.AsyncClient() as http:
        return (await http.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200


async def test_events_become_cells(floor: Floor, processes: Processes) -> None:
    port = free_ports(1)[0]
    worker = floor.worker(processes, port)
    await eventually(lambda: ready(port), within_seconds=LONG)
    floor.log_calls(5_000)
    await eventually(floor.counted, equals=floor.expected, within_seconds=LONG)
    worker.signal(signal.SIGTERM)
    assert worker.wait(15) == 0, worker.output


async def test_a_worker_killed_under_load_loses_and_doubles_nothing(floor: Floor, processes: Processes) -> None:
    port = free_ports(1)[0]
    worker = floor.worker(processes, port)
    await eventually(lambda: ready(port), within_seconds=LONG)
    before = floor.total()
    floor.log_calls(60_000)
    await eventually(lambda: floor.total() > before + 1_000, within_seconds=LONG, every_seconds=0.01)
    worker.kill()
    assert floor.total() < before + 60_000, "it was killed too late to tell anything"
    floor.worker(processes, port)
    await eventually(floor.counted, equals=floor.expected, within_seconds=LONG)


async def test_partitions_move_to_a_second_worker_and_back(floor: Floor, processes: Processes) -> None:
    first_port, second_port = free_ports(2)
    first = floor.worker(processes, first_port)
    await eventually(lambda: ready(first_port), within_seconds=LONG)
    floor.log_calls(30_000)
    floor.worker(processes, second_port)
    await eventually(lambda: ready(second_port), within_seconds=LONG)
    floor.log_calls(10_000)
    first.kill()
    floor.log_calls(10_000)
    await eventually(floor.counted, equals=floor.expected, within_seconds=LONG)


async def test_a_redis_that_goes_away_delays_and_changes_nothing(floor: Floor, processes: Processes) -> None:
    port = free_ports(1)[0]
    worker = floor.worker(processes, port)
    await eventually(lambda: ready(port), within_seconds=LONG)
    floor.log_calls(20_000)
    floor.redis_server.kill()
    floor.log_calls(5_000)
    floor.redis_server.start()
    await eventually(floor.counted, equals=floor.expected, within_seconds=LONG)
    assert worker.process.poll() is None, worker.output


async def test_rubbish_on_the_log_is_counted_and_holds_nothing_up(floor: Floor, processes: Processes) -> None:
    port = free_ports(1)[0]
    floor.worker(processes, port)
    await eventually(lambda: ready(port), within_seconds=LONG)
    floor.log_rubbish(b"\xff no JSON")
    floor.log_calls(1_000)
    await eventually(floor.counted, equals=floor.expected, within_seconds=LONG)
    async with httpx.AsyncClient() as http:
        metrics = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    assert 'quarantined_events{reason="undecodable"} 1.0' in metrics


async def test_the_watermark_passes_the_last_event_while_idle(floor: Floor, processes: Processes) -> None:
    port = free_ports(1)[0]
    floor.worker(processes, port)
    await eventually(lambda: ready(port), within_seconds=LONG)
    first = floor.watermark()
    await eventually(lambda: floor.watermark() > max(first, 1), within_seconds=LONG)
