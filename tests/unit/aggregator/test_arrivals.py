"""The ledger counts what a source sent in each hour, and what it sent twice."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.aggregator.domain.arrivals import by_hour
from shared.domain.changes import IMPORTED
from shared.domain.instants import HOUR_US
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.aggregator_tenant import counting_tenant
from tests.support.changes import T0, call
from tests.support.floor_events import as_change, deliveries

HOUR = T0 // HOUR_US


async def taken(*chunks: list[Any]) -> InMemoryFloor:
    floor = InMemoryFloor(counting_tenant())
    for chunk in chunks:
        await floor.take(chunk)
    return floor


async def test_an_event_counts_in_the_hour_in_which_it_was_received() -> None:
    floor = await taken([call("c-1", received_at=T0 + 1), call("c-2", received_at=T0 + HOUR_US + 1)])
    assert floor.ledger_store.received == {("acme/native", HOUR): 1, ("acme/native", HOUR + 1): 1}


async def test_a_redelivery_is_received_and_repeated() -> None:
    floor = await taken([call("c-1")], [call("c-1"), call("c-2"), call("c-2")])
    assert (floor.ledger_store.received, floor.ledger_store.repeated) == (
        {("acme/native", HOUR): 4},
        {("acme/native", HOUR): 2},
    )


async def test_imported_history_is_no_arrival() -> None:
    floor = await taken([call("c-1", delivery=IMPORTED + "1"), call("c-1", delivery=IMPORTED + "2")])
    assert (floor.ledger_store.received, floor.ledger_store.repeated) == ({}, {})


@settings(deadline=None, max_examples=50)
@given(deliveries(), st.integers(0, 14))
async def test_what_is_not_repeated_said_something_new(events: list[dict[str, Any]], cut: int) -> None:
    changes = [as_change(event) for event in events]
    floor = await taken(*(chunk for chunk in (changes[:cut], changes[cut:]) if chunk))
    received = sum(floor.ledger_store.received.values())
    fresh = received - sum(floor.ledger_store.repeated.values())
    assert received == len(changes)
    assert len({change.key for change in changes}) <= fresh <= len({str(change) for change in changes})


@given(st.dictionaries(st.sampled_from(["a/x", "a/y"]), st.lists(st.integers(0, 5 * HOUR_US), min_size=1)))
def test_hours_are_counted_event_by_event(arrived: dict[str, list[int]]) -> None:
    expected: dict[tuple[str, int], int] = {}
    for source, times in arrived.items():
        for at in times:
            expected[source, at // HOUR_US] = expected.get((source, at // HOUR_US), 0) + 1
    assert by_hour(arrived) == expected
