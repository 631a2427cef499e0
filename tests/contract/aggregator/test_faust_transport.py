"""What we rely on in Faust and aiokafka, without a broker. It must fail loudly when they change underneath."""

from __future__ import annotations

import asyncio
import inspect
from importlib.metadata import version

import pytest
from aiokafka.consumer import fetcher
from aiokafka.consumer.consumer import AIOKafkaConsumer
from aiokafka.consumer.group_coordinator import GroupCoordinator
from faust.transport.consumer import Consumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from services.aggregator.adapters.chunk_cutting import take_turns
from services.aggregator.ports import Chunk, Fenced
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS
from shared.errors import TransientError
from tests.support.eventually import eventually
from tests.support.transport_rig import EVENTS_0, EVENTS_1, Rig, records


@pytest.mark.parametrize(
    ("distribution", "pinned"), [("faust-streaming", "0.15.3"), ("aiokafka", "0.14.0"), ("mode-streaming", "0.7.1")]
)
def test_the_libraries_are_the_ones_that_the_transport_was_proved_on(distribution: str, pinned: str) -> None:
    assert version(distribution) == pinned


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (Consumer, "_wait_next_records", ["self", "timeout"]),
        (Consumer, "_new_offset", ["self", "tp"]),
        (Consumer, "_add_gap", ["self", "tp", "offset_from", "offset_to"]),
        (Consumer, "getmany", ["self", "timeout"]),
        (Consumer, "commit", ["self", "topics", "start_new_transaction"]),
        (Consumer, "seek_to_committed", ["self"]),
        (Consumer, "on_partitions_assigned", ["self", "assigned", "generation_id"]),
        (Consumer, "on_partitions_revoked", ["self", "revoked"]),
        (AIOKafkaConsumerThread, "_create_worker_consumer", ["self", "transport"]),
        (fetcher.PartitionRecords, "_consumer_record", ["self", "tp", "record"]),
        (GroupCoordinator, "check_errors", ["self"]),
    ],
)
def test_a_method_that_we_override_or_call_is_as_it_was(owner: type, name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(owner, name)).parameters) == parameters


def test_the_fetch_wait_that_we_shorten_is_read_at_the_start() -> None:
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in inspect.getsource(AIOKafkaConsumer.start)


async def test_a_poll_arrives_as_chunks_in_order(rig: Rig) -> None:
    rig.polls.put_nowait({EVENTS_0: records(10, 7)})
    await eventually(rig.spans, equals=[(0, 10, 13), (0, 13, 16), (0, 16, 17)])


async def test_what_is_applied_is_what_kafka_is_told(rig: Rig) -> None:
    rig.polls.put_nowait({EVENTS_0: records(10, 2)})
    await eventually(lambda: rig.worker.consumer._new_offset(EVENTS_0), equals=12)


async def test_records_that_do_not_follow_are_dropped_and_sought_again(rig: Rig) -> None:
    rig.polls.put_nowait({EVENTS_0: records(11, 2)})
    rig.polls.put_nowait({EVENTS_1: records(0, 1)})
    await eventually(rig.spans, equals=[(1, 0, 1)])
    assert rig.sought[-1] == {EVENTS_0: 10}


async def test_a_hole_within_a_poll_is_not_counted(rig: Rig) -> None:
    rig.polls.put_nowait({EVENTS_0: [*records(10, 1), *records(12, 1)]})
    rig.polls.put_nowait({EVENTS_0: records(10, 2)})
    await eventually(rig.spans, equals=[(0, 10, 12)])


@pytest.mark.parametrize("fence", [Fenced.BACK, Fenced.BETWEEN])
async def test_a_fenced_chunk_voids_what_follows_and_goes_on_from_redis(rig: Rig, fence: Fenced) -> None:
    async def refuse(_: Chunk) -> Fenced:
        rig.recorder.answer = rig.recorder._applied
        rig.stored[EVENTS_0] = 8
        return fence

    rig.recorder.answer = refuse
    rig.polls.put_nowait({EVENTS_0: records(10, 6)})
    await eventually(lambda: rig.recorder.voided)
    rig.polls.put_nowait({})
    await eventually(lambda: rig.sought[-1], equals={EVENTS_0: 8})
    rig.polls.put_nowait({EVENTS_0: records(8, 2)})
    await eventually(lambda: rig.spans()[-1], equals=(0, 8, 10))
    assert (0, 13, 16) not in rig.spans()


async def test_an_outage_is_waited_out_with_the_same_chunk(rig: Rig) -> None:
    async def away(_: Chunk) -> Fenced:
        rig.recorder.answer = rig.recorder._applied
        raise TransientError("away")

    rig.recorder.answer = away
    rig.polls.put_nowait({EVENTS_0: records(10, 2)})
    await eventually(rig.spans, equals=[(0, 10, 12)])


async def test_partitions_do_not_wait_for_one_another(rig: Rig) -> None:
    release = asyncio.Event()

    async def hold_partition_0(chunk: Chunk) -> Fenced:
        if chunk.partition == 0:
            await release.wait()
        return Fenced.APPLIED

    rig.recorder.answer = hold_partition_0
    rig.polls.put_nowait({EVENTS_0: records(10, 1), EVENTS_1: records(0, 1)})
    await eventually(rig.spans, equals=[(1, 0, 1)])
    release.set()
    await eventually(rig.spans, equals=[(1, 0, 1), (0, 10, 11)])


async def test_faust_waits_for_a_chunk_in_work_before_it_gives_partitions_away(rig: Rig) -> None:
    release = asyncio.Event()

    async def hold(_: Chunk) -> Fenced:
        await release.wait()
        return Fenced.APPLIED

    rig.recorder.answer = hold
    rig.polls.put_nowait({EVENTS_0: records(10, 1)})
    await eventually(lambda: rig.worker.consumer.unacked)
    waiting = asyncio.create_task(rig.worker.consumer.wait_empty())
    done, _ = await asyncio.wait([waiting], timeout=0.1)
    assert not done
    release.set()
    await asyncio.wait_for(waiting, 5)


async def test_chunks_of_a_revoked_partition_are_void(rig: Rig) -> None:
    async def away(_: Chunk) -> Fenced:
        raise TransientError("away")

    rig.recorder.answer = away
    rig.polls.put_nowait({EVENTS_0: records(10, 6)})
    await eventually(lambda: rig.worker.consumer.unacked)
    rig.worker.consumer.stop_flow()
    rig.worker.consumer._forget()
    await eventually(lambda: [m for m in rig.worker.consumer.unacked if not m.acked], equals=[])
    assert rig.spans() == []


def test_partitions_take_turns_and_the_later_stage_goes_first() -> None:
    facts = TP(KPI_FACTS, 0)
    polled = {EVENTS_0: [1, 2, 3], EVENTS_1: [4], facts: [5]}
    turns = [(tp, list(part)) for tp, part in take_turns(polled, {CRM_EVENTS: 2, KPI_FACTS: 2})]
    assert turns == [(facts, [5]), (EVENTS_0, [1, 2]), (EVENTS_1, [4]), (EVENTS_0, [3])]


async def test_offsets_without_a_record_are_passed_over_once_a_seek_has_found_them_again(rig: Rig) -> None:
    for _ in range(2):
        rig.polls.put_nowait({EVENTS_0: [*records(10, 1), *records(12, 1)]})
    await eventually(rig.spans, equals=[(0, 10, 11), (0, 11, 13)])
    chunk = rig.recorder.chunks[-1]
    assert (chunk.first, chunk.position, len(chunk.values)) == (12, 12, 1)


async def test_a_log_that_ends_in_offsets_without_a_record_is_followed_to_its_end(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rig.worker.consumer, "fetch_position", lambda tp: 12 if tp == EVENTS_0 else 0)
    for _ in range(2):
        rig.polls.put_nowait({})
    await eventually(rig.spans, equals=[(0, 10, 12)])
    assert rig.recorder.chunks[-1].values == []
