"""Order, repeats, borders of chunks and crashes change no number: the whole core on random events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.accumulators import Accumulator
from shared.domain.facts import Fact
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.aggregator_tenant import counting_tenant
from tests.support.changes import on_the_log
from tests.support.floor_events import as_change, deliveries, events

TENANT = counting_tenant()
EXAMPLES = settings(deadline=None, max_examples=50)
Event = dict[str, Any]
SIZES = st.lists(st.integers(1, 5), max_size=5)


def floor_after(delivered: Sequence[Event], sizes: Sequence[int] = ()) -> InMemoryFloor:
    floor = InMemoryFloor(TENANT)
    asyncio.run(floor.take([as_change(event) for event in delivered], sizes))
    return floor


def shown(
    floor: InMemoryFloor,
) -> tuple[dict[tuple[str, str, str], Fact], dict[tuple[str, str], dict[str, Accumulator]]]:
    return floor.scoreboard_store.facts(), floor.scoreboard_store.decoded_cells()


@EXAMPLES
@given(st.data(), events())
def test_order_and_repeats_change_nothing(data: st.DataObject, made: list[Event]) -> None:
    repeated = made + data.draw(st.lists(st.sampled_from(made), max_size=5))
    shuffled = data.draw(st.permutations(repeated))
    assert shown(floor_after(shuffled)) == shown(floor_after(made))


@EXAMPLES
@given(deliveries(), SIZES)
def test_borders_of_chunks_change_nothing(delivered: list[Event], sizes: list[int]) -> None:
    assert shown(floor_after(delivered, sizes)) == shown(floor_after(delivered))


@EXAMPLES
@given(deliveries(), st.integers(1, 6), st.integers(1, 14), SIZES)
def test_a_crash_between_publish_and_commit_changes_nothing(
    delivered: list[Event], applied: int, crashed: int, sizes: list[int]
) -> None:
    async def crash() -> InMemoryFloor:
        floor = InMemoryFloor(TENANT)
        changes = [as_change(event) for event in delivered]
        await floor.take(changes[:applied])
        floor.log += on_the_log(changes[applied:])
        await floor.crash_in_chunk(min(applied, len(changes)), crashed)
        await floor.score()
        await floor.take([], sizes)
        return floor

    assert shown(run(crash)) == shown(floor_after(delivered))


@EXAMPLES
@given(deliveries(), SIZES)
def test_cells_are_the_fold_of_the_pages(delivered: list[Event], sizes: list[int]) -> None:
    floor = floor_after(delivered, sizes)
    store = floor.scoreboard_store
    assert (store.decoded_cells(), store.distinct_values()) == floor.folded()


@EXAMPLES
@given(deliveries(), SIZES)
def test_when_every_record_is_deleted_nothing_is_left(delivered: list[Event], sizes: list[int]) -> None:
    records = {(event["type"].split(".")[0], event["record"]) for event in delivered}
    deletions = [
        {"id": "z", "type": f"{kind}.deleted", "record": record, "occurred_at": "2026-11-25T00:00:00Z", "fields": {}}
        for kind, record in sorted(records)
    ]
    store = floor_after([*delivered, *deletions], sizes).scoreboard_store
    assert (store.facts(), store.decoded_cells(), store.distinct_values(), store.unmapped, store.unconverted) == (
        {}, {}, {}, {}, {},
    )  # fmt: skip


@EXAMPLES
@given(deliveries(), st.integers(1, 4))
def test_facts_that_arrive_late_from_a_worker_that_lost_its_partition_change_nothing(
    delivered: list[Event], size: int
) -> None:
    async def zombie() -> InMemoryFloor:
        floor = InMemoryFloor(TENANT)
        await floor.take([as_change(event) for event in delivered], [size])
        for log in floor.publisher.logs.values():
            log.extend(reversed(list(log)))
        await floor.score()
        return floor

    assert shown(run(zombie)) == shown(floor_after(delivered))


def run(work: Callable[[], Coroutine[Any, Any, InMemoryFloor]]) -> InMemoryFloor:
    return asyncio.run(work())
