"""A worker on a real broker that meets more poison than it may: it stops, says so, and nothing gets past it."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition

from cli.up.free_ports import free_ports
from tests.support.aggregator_floor import Floor
from tests.support.eventually import eventually
from tests.support.processes import Processes

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]
LONG = 60.0
EXIT_TOO_MUCH_POISON = 5


async def ready(port: int) -> bool:
    async with httpx.AsyncClient() as http:
        return (await http.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200


def kept(floor: Floor) -> int:
    """How many messages crm.quarantine holds."""
    consumer = Consumer({"bootstrap.servers": floor.environment["PACER_KAFKA__BOOTSTRAP_SERVERS"], "group.id": "r"})
    partitions = consumer.list_topics("crm.quarantine", timeout=10).topics["crm.quarantine"].partitions
    ends = [consumer.get_watermark_offsets(TopicPartition("crm.quarantine", n), timeout=10)[1] for n in partitions]
    consumer.close()
    return sum(ends)


async def test_too_much_poison_stops_every_worker_until_a_person_acts(floor: Floor, processes: Processes) -> None:
    port = free_ports(1)[0]
    worker = floor.worker(processes, port, PACER_POISON__AT_LEAST="5", PACER_POISON__SHARE="0")
    await eventually(lambda: ready(port), within_seconds=LONG)
    floor.log_calls(1_000)
    await eventually(floor.counted, equals=floor.expected, within_seconds=LONG)
    for number in range(4):
        floor.log_rubbish(b"\xff no JSON %d" % number)
        await eventually(lambda wanted=number + 1: kept(floor) == wanted, within_seconds=LONG)
    assert worker.process.poll() is None, worker.output

    floor.log_rubbish(*(b"\xff bad release %d" % number for number in range(40)))  # one record: one partition
    assert await asyncio.to_thread(worker.wait, LONG) == EXIT_TOO_MUCH_POISON, worker.output
    (said,) = [line for line in worker.output.splitlines() if line.startswith("aggregator ends: ")]
    assert "too much of the log cannot be used" in said
    assert "crm.events" in said and "Nothing of this chunk was applied" in said and "PACER_POISON__AT_LEAST" in said
    assert "Traceback" not in worker.output and "most recent call first" not in worker.output
    held = kept(floor)
    assert held <= 5

    for _ in range(2):  # a supervisor's restarts divert nothing either
        again = floor.worker(processes, port, PACER_POISON__AT_LEAST="5", PACER_POISON__SHARE="0")
        assert await asyncio.to_thread(again.wait, LONG) == EXIT_TOO_MUCH_POISON, again.output
        assert kept(floor) == held

    floor.log_calls(500)
    floor.worker(
        processes, port, PACER_POISON__AT_LEAST="1000", PACER_POISON__SHARE="0"
    )  # a person has looked: it is rubbish
    await eventually(floor.counted, equals=floor.expected, within_seconds=LONG)
    await eventually(lambda: kept(floor) >= 44, within_seconds=LONG)
