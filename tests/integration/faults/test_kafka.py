"""A broker that dies, is away for long, or cannot be reached, and logs that hold what ours do not write, under load."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import datetime

import httpx
import pytest
import pytest_asyncio

from cli.up.kafka_jars import why_not
from tests.support.eventually import eventually
from tests.support.fault_floor import WORKERS, FaultFloor, Offsets
from tests.support.fault_kafka import PARTITIONS, ProxiedKafka, Topics
from tests.support.real_kafka import _absent
from tests.support.real_redis import RealRedis
from tests.support.tcp_proxy import Network

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
EVENTS, FACTS = "crm.events", "kpi.facts"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedKafka]:
    reason = why_not()
    if reason is not None:
        _absent(reason)
    node = ProxiedKafka(tmp_path_factory.mktemp("kafka"))
    try:
        node.start()
        yield node
    finally:
        node.kill()
        node.network.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def floor(
    broker: ProxiedKafka, server: RealRedis, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[FaultFloor]:
    running = FaultFloor(tmp_path_factory.mktemp("floor"), kafka=broker.bootstrap, redis_url=server.url, seed=3)
    try:
        await running.open()
        yield running
    finally:
        running.close()


async def away(floor: FaultFloor, broker: ProxiedKafka, server: RealRedis, seconds: float) -> None:
    """The broker is killed under load and started again; refusals in between say when to come back."""
    offsets, before = Offsets(server.port), floor.load.answers["503"]
    async with floor.load.flowing():
        await asyncio.sleep(2)
        await asyncio.to_thread(broker.kill)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(broker.start)
        began = time.monotonic()  # the proxy takes connections all the while: a watchdog may have ended a worker
        await offsets.all_moved(f"the broker away for {seconds:g} s", since=began, meanwhile=floor.restart_dead)
    assert floor.load.answers["503"] > before
    await floor.check()


async def test_the_broker_killed_and_back(floor: FaultFloor, broker: ProxiedKafka, server: RealRedis) -> None:
    await away(floor, broker, server, 8)


@pytest.mark.parametrize("network_is", [Network.STALLED, Network.CUT, Network.HALF_OPEN])
async def test_a_network_that_fails_on_the_way_to_kafka(
    floor: FaultFloor, broker: ProxiedKafka, server: RealRedis, network_is: Network
) -> None:
    offsets = Offsets(server.port)
    async with floor.load.flowing():
        await asyncio.sleep(2)
        broker.network.set(network_is)
        await asyncio.sleep(8)
        broker.network.set(Network.OPEN)
        began = time.monotonic()
        await offsets.all_moved(f"the network to Kafka {network_is}", since=began, meanwhile=floor.restart_dead)
    await floor.check()


async def test_rubbish_on_both_logs(floor: FaultFloor, broker: ProxiedKafka) -> None:
    topics = Topics(broker.bootstrap)
    async with floor.load.flowing():
        for partition in range(PARTITIONS):
            topics.put(EVENTS, [b"\xff no JSON", b'{"tenant": 7}'], partition=partition)
            topics.put(FACTS, [b"\xc1 no msgpack"], partition=partition)
        await asyncio.sleep(2)
    await floor.check()
    kept = sum([await floor.metric(name, 'quarantined_events{reason="undecodable"}') for name in WORKERS])
    assert kept == 3 * PARTITIONS


async def test_offsets_that_hold_no_message(floor: FaultFloor, broker: ProxiedKafka) -> None:
    topics = Topics(broker.bootstrap)
    async with floor.load.flowing():
        for topic in (EVENTS, FACTS):
            for partition in range(PARTITIONS):
                said = topics.some(topic, partition=partition, count=3)
                await asyncio.to_thread(
                    topics.put_in_transactions, topic, said, partition=partition, name=f"{topic}-{partition}"
                )
        await asyncio.sleep(1)
    said = topics.some(EVENTS, partition=0, count=1)
    topics.put_in_transactions(EVENTS, said, partition=0, name="last")  # and nothing after it
    await floor.check()
    assert sum([await floor.metric(name, "aggregator_skipped_offsets_total") for name in WORKERS]) >= 6 * PARTITIONS + 1
    now = time.time()
    await eventually(lambda: passed(floor, now), within_seconds=20)


async def watermark(floor: FaultFloor) -> float:
    """Up to when everything is applied, in seconds since the epoch."""
    async with httpx.AsyncClient() as http:
        answer = (await http.get(f"http://127.0.0.1:{floor.ports['api']}/v1/reps/ana/kpis")).raise_for_status().json()
    return datetime.fromisoformat(answer["watermark"]).timestamp()


async def passed(floor: FaultFloor, instant: float) -> bool:
    return await watermark(floor) > instant


async def test_a_log_whose_beginning_is_cut_off(floor: FaultFloor, broker: ProxiedKafka, server: RealRedis) -> None:
    topics, offsets = Topics(broker.bootstrap), Offsets(server.port)
    async with floor.load.flowing():
        await asyncio.sleep(2)
        topics.cut(EVENTS, offsets.read())
        floor.kill("aggregator")
        floor.start("aggregator")
        await floor.ready("aggregator")
    await floor.check()


async def test_the_broker_away_for_longer_than_any_time_out(
    floor: FaultFloor, broker: ProxiedKafka, server: RealRedis
) -> None:
    await away(floor, broker, server, 95)


async def test_a_topic_created_again_ends_the_workers(floor: FaultFloor, broker: ProxiedKafka) -> None:
    """The last test: the floor is of no use afterwards."""
    topics = Topics(broker.bootstrap)
    values_of = [topics.some(EVENTS, partition=partition, count=1) for partition in range(PARTITIONS)]
    topics.create_again(EVENTS)
    for partition, values in enumerate(values_of):
        topics.put(EVENTS, values * 20_000, partition=partition)  # longer than what was counted
    for name in WORKERS:
        assert await asyncio.to_thread(floor.running[name].wait, 30) == 4, floor.running[name].output[-2000:]
        said = floor.running[name].output  # which of the two is noticed first is a matter of milliseconds
        assert "these are not the same log" in said or "the log lost records" in said
    floor.start("aggregator")
    assert await asyncio.to_thread(floor.running["aggregator"].wait, 30) == 4, "a new start does not believe it either"
    await floor.readings_equal(within_seconds=10)
