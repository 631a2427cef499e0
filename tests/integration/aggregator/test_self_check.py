"""A running worker finds what somebody broke in Redis behind its back, and the numbers come back by themselves."""

from __future__ import annotations

import httpx
import pytest

from cli.up.free_ports import free_ports
from tests.support.aggregator_floor import Floor
from tests.support.eventually import eventually
from tests.support.processes import Processes

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]
LONG = 60.0
EAGER = {"PACER_AUDIT__SHARE": "0.5", "PACER_AUDIT__SAMPLE_EVERY": "PT0.2S", "PACER_AUDIT__SAMPLE_EVENTS": "500"}


async def ready(port: int) -> bool:
    async with httpx.AsyncClient() as http:
        return (await http.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200


async def found(port: int, kind: str) -> bool:
    async with httpx.AsyncClient() as http:
        lines = (await http.get(f"http://127.0.0.1:{port}/metrics")).text.splitlines()
    name = f'aggregator_audit_total{{finding="different",kind="{kind}"}}'
    return any(line.startswith(name) and not line.endswith(" 0.0") for line in lines)


async def test_broken_cells_are_found_and_folded_anew(floor: Floor, processes: Processes) -> None:
    port = free_ports(1)[0]
    worker = floor.worker(processes, port, **EAGER)
    await eventually(lambda: ready(port), within_seconds=LONG)
    floor.log_calls(2_000)
    await eventually(floor.counted, equals=floor.expected, within_seconds=LONG)
    floor.break_cells("rep3")
    assert floor.counted() != floor.expected
    await eventually(lambda: found(port, "cells"), within_seconds=LONG)
    await eventually(floor.counted, equals=floor.expected, within_seconds=LONG)
    assert '"audit_difference"' in worker.output


async def test_lost_records_and_pages_are_found_and_counted_again(floor: Floor, processes: Processes) -> None:
    port = free_ports(1)[0]
    floor.worker(processes, port, **EAGER)
    await eventually(lambda: ready(port), within_seconds=LONG)
    floor.log_calls(500)
    await eventually(floor.counted, equals=floor.expected, within_seconds=LONG)
    floor.lose_rep("rep5")
    assert floor.counted() != floor.expected
    await eventually(lambda: found(port, "log"), within_seconds=LONG)
    await eventually(floor.counted, equals=floor.expected, within_seconds=LONG)
