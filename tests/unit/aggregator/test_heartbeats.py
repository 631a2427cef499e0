"""Heartbeats pass both stages and change nothing."""

from __future__ import annotations

import pytest

from shared.contracts.heartbeats import heartbeat
from shared.contracts.messages import decode_batch
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.aggregator_tenant import counting_tenant
from tests.support.changes import T0, call


@pytest.fixture
def floor() -> InMemoryFloor:
    return InMemoryFloor(counting_tenant())


async def test_a_heartbeat_reaches_the_end_with_the_instant_it_was_sent(floor: InMemoryFloor) -> None:
    await floor.take([heartbeat(0, T0), heartbeat(0, T0 + 5)])
    assert floor.updates.heartbeats == [T0 + 5]


async def test_it_goes_to_one_partition_beside_the_facts(floor: InMemoryFloor) -> None:
    await floor.take([call(), heartbeat(0, T0)])
    batches = [decode_batch(value) for log in floor.publisher.logs.values() for value in log]
    assert sorted((batch.heartbeat, len(batch.changes)) for batch in batches) == [(0, 1), (T0, 0)]


async def test_it_is_no_event_no_record_and_no_poison(floor: InMemoryFloor) -> None:
    (done,) = await floor.take([heartbeat(0, T0)])
    assert (done.heartbeats, done.poisoned, done.changes, done.received_at) == (1, 0, 0, 0)
    assert (floor.ledger_store.records, floor.quarantine.kept, floor.updates.told) == ({}, [], [])


async def test_a_chunk_without_one_publishes_nothing_more(floor: InMemoryFloor) -> None:
    await floor.take([call()])
    assert (sum(map(len, floor.publisher.logs.values())), floor.updates.heartbeats) == (1, [])
