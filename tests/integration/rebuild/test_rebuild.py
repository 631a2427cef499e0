"""``pacer rebuild`` as a process beside workers, on a real broker and a real Redis.

The floor is shared, so that each test also finds the state that the ones before left. Oracle: the sums of all that
was produced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from cli.up.free_ports import free_ports
from tests.support.aggregator_floor import Floor
from tests.support.eventually import eventually
from tests.support.processes import Processes, Running
from tests.support.rebuild_runs import Watched, calls_arriving, rebuilt, start_rebuild

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]
LONG = 60.0
CALLS = 10_000


@pytest.fixture
def start(floor: Floor, processes: Processes) -> Callable[[], Running]:
    return lambda: floor.worker(processes, free_ports(1)[0])


async def caught_up(floor: Floor) -> None:
    await eventually(floor.counted, equals=floor.expected, within_seconds=LONG)


async def test_a_rebuilt_state_is_the_live_one_and_workers_go_on_in_it(
    floor: Floor, processes: Processes, start: Callable[[], Running]
) -> None:
    worker = start()
    floor.log_calls(CALLS)
    await caught_up(floor)
    versions = floor.versions()
    told = await asyncio.to_thread(rebuilt, floor, processes)
    assert (told["ending"], told["same"], told["messages_behind"]) == ("switched", True, 0), told
    assert floor.states() == {floor.live_state()} != {""}
    assert floor.counted() == floor.expected and floor.versions() == versions
    floor.log_calls(1_000)
    await caught_up(floor)
    assert worker.process.poll() is None, worker.output


async def test_what_was_corrupted_is_named_and_mended(
    floor: Floor, processes: Processes, start: Callable[[], Running]
) -> None:
    worker = start()
    floor.log_calls(1_000)
    await caught_up(floor)
    worker.kill()  # its self-check would mend some of it
    floor.break_cells("rep3")
    floor.lose_rep("rep4")
    versions = floor.versions()
    dry = await asyncio.to_thread(rebuilt, floor, processes, "--dry-run")
    assert {each["rep"] for each in dry["greatest"]} == {"rep3", "rep4"} and dry["reps_differing"] == 2, dry
    assert set(dry["facts_differing"]) == {"acme/rep4"} and floor.counted() != floor.expected
    told = await asyncio.to_thread(rebuilt, floor, processes)
    assert told["readings_differing"] == dry["readings_differing"] and told["readings_differing_by_kpi"].keys() == {
        "acme/calls",
        "acme/talk",
    }
    assert floor.counted() == floor.expected
    raised = {rep for rep, version in floor.versions().items() if version > versions.get(rep, 0)}
    assert raised == {"rep3", "rep4"}
    start()
    floor.log_calls(1_000)
    await caught_up(floor)


async def test_killed_at_any_point_it_goes_on_where_it_was(
    floor: Floor, processes: Processes, start: Callable[[], Running]
) -> None:
    start()
    floor.log_calls(60_000)
    await caught_up(floor)
    before, states = floor.live_state(), set()
    for seconds in (2.5, 3.0, 4.0, 5.0, 7.0):
        run = start_rebuild(floor, processes)
        await asyncio.sleep(seconds)
        run.kill()
        states |= floor.states() - {before}
        if floor.live_state() != before:
            break
    told = await asyncio.to_thread(rebuilt, floor, processes) if floor.live_state() == before else {"same": True}
    assert told["same"], told
    assert len(states) == 1, "each run went on with the same state"
    assert floor.counted() == floor.expected
    floor.log_calls(1_000)
    await caught_up(floor)


async def test_calls_arrive_all_the_time_and_a_worker_is_killed_at_the_switch(
    floor: Floor, processes: Processes, start: Callable[[], Running]
) -> None:
    discarded = start_rebuild(
        floor, processes, "--discard"
    )  # one that was killed after its switch is ended by the next
    assert discarded.wait(60) == 0, discarded.output
    first, second = start(), start()
    floor.log_calls(CALLS)
    await caught_up(floor)
    before, watched = floor.live_state(), Watched(floor)
    with calls_arriving(floor, 300), watched.watching():
        run = start_rebuild(floor, processes)
        await eventually(lambda: floor.live_state() != before, within_seconds=LONG, every_seconds=0.01)
        first.kill()
        assert run.wait(60) == 0, run.output
        start()
        await asyncio.sleep(2)
    assert "differ" not in run.output, run.output
    await caught_up(floor)
    assert watched.looks > 20 and watched.went_back == []
    assert second.process.poll() is None, second.output


async def test_a_second_rebuild_is_refused_while_one_runs(
    floor: Floor, processes: Processes, start: Callable[[], Running]
) -> None:
    start()
    await caught_up(floor)
    run = start_rebuild(floor, processes, "--dry-run")
    await eventually(lambda: len(floor.states()) > 1, within_seconds=LONG)
    other = start_rebuild(floor, processes)
    assert other.wait(30) == 2 and "another rebuild of this deployment is running" in other.output
    assert run.wait(60) == 0, run.output


async def test_a_redis_that_was_emptied_is_filled_from_the_log(
    floor: Floor, processes: Processes, start: Callable[[], Running]
) -> None:
    worker = start()
    await caught_up(floor)
    worker.kill()
    floor.empty_redis()
    told = await asyncio.to_thread(rebuilt, floor, processes)
    assert told["ending"] == "switched" and floor.counted() == floor.expected
    start()
    floor.log_calls(1_000)
    await caught_up(floor)


async def test_what_an_ended_rebuild_left_is_discarded(floor: Floor, processes: Processes) -> None:
    run = start_rebuild(floor, processes)
    await eventually(lambda: len(floor.states()) > 1, within_seconds=LONG)
    run.kill()
    discarded = start_rebuild(floor, processes, "--discard")
    assert discarded.wait(60) == 0, discarded.output
    assert floor.states() == {floor.live_state()}
