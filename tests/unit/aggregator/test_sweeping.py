"""Old pages are packed and go; nothing but their size, and what is too old, is changed by it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.aggregator import sweeping
from services.aggregator.domain.ageing import UNSWEPT, SweptKind
from services.aggregator.ports import Chunk, Fenced
from services.aggregator.refolding import MovedOn
from shared.contracts.keys import RETAINED_FIELD
from shared.domain.facts import Fact
from shared.domain.instants import DAY_US, Micros, parse
from shared.errors import TransientError
from tests.support.aggregator_edits import EDITS
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.aggregator_tenant import counting_tenant
from tests.support.changes import T0, call, change, deal
from tests.support.floor_events import as_change, deliveries, events
from tests.support.manual_clock import ManualClock

TENANT = counting_tenant()
EXAMPLES = settings(deadline=None, max_examples=40)
ANA, DAY = ("acme", "ana"), "2026-11-23"
MONTH_LATER = T0 + 40 * DAY_US
TOO_OLD = T0 + 402 * DAY_US
Event = dict[str, Any]


@pytest.fixture
def floor() -> InMemoryFloor:
    return InMemoryFloor(TENANT, clock=ManualClock(T0))


def packed_pages(floor: InMemoryFloor) -> set[tuple[str, str]]:
    held = floor.scoreboard_store.packed_held
    return {(subject, page) for (_, subject), pages in held.items() for page in pages}


def shown(floor: InMemoryFloor) -> tuple[object, ...]:
    store = floor.scoreboard_store
    return store.facts(), store.decoded_cells(), store.distinct_values(), store.unmapped, store.unconverted


# -- packing -------------------------------------------------------------------


async def test_a_page_is_packed_when_its_day_is_over_for_a_month(floor: InMemoryFloor) -> None:
    await floor.take([call()])
    end = parse("2026-11-24T00:00:00Z")
    assert not await floor.sweep(end + 31 * DAY_US - 1)
    counts = await floor.sweep(end + 31 * DAY_US)
    assert counts == {SweptKind.PAGE_PACKED: 1, SweptKind.RECORD_SQUEEZED: 1}
    assert packed_pages(floor) == {("ana", DAY)}


async def test_what_is_packed_holds_and_counts_the_same(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1"), call("c-2", owner="ghost"), deal("won", amount="5", currency="GBP", owner="bo")])
    before, versions = shown(floor), dict(floor.scoreboard_store.versions)
    await floor.sweep(MONTH_LATER)
    assert packed_pages(floor) == {("ana", DAY), ("?native/ghost", DAY), ("bo", DAY)}
    assert shown(floor) == before
    assert floor.scoreboard_store.versions == versions


async def test_states_are_never_packed(floor: InMemoryFloor) -> None:
    await floor.take([deal("updated", amount="5")])
    await floor.sweep(MONTH_LATER)
    assert packed_pages(floor) == set()


async def test_a_late_fact_opens_its_page_again(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1"), call("c-2", at=T0 - DAY_US)])
    await floor.sweep(MONTH_LATER)
    await floor.take([call("c-3")])
    assert packed_pages(floor) == {("ana", "2026-11-22")}
    assert floor.scoreboard_store.decoded_cells()["ana", f"d{DAY}"]["calls"].count == 2


async def test_a_late_repeat_opens_nothing(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1")])
    await floor.sweep(MONTH_LATER)
    before = shown(floor)
    log = floor.publisher.logs[_partition(floor)]
    floor.scoreboard_store.fence.offsets[_partition(floor)] = 0  # as after a set-back that kept the pages
    floor.restart()
    handled = await floor.scoreboard.handle(Chunk(_partition(floor), 0, log))
    assert (handled.outcome, handled.unpacked, handled.unchanged) == (Fenced.APPLIED, 0, 1)
    assert packed_pages(floor) == {("ana", DAY)}
    assert shown(floor) == before


def _partition(floor: InMemoryFloor) -> int:
    (partition,) = floor.publisher.logs
    return partition


async def test_a_page_that_was_opened_is_packed_again(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1")])
    await floor.sweep(MONTH_LATER)
    await floor.take([call("c-2")])
    assert (await floor.sweep(MONTH_LATER + 2 * DAY_US))[SweptKind.PAGE_PACKED] == 1


async def test_a_worker_with_older_pages_in_mind_is_sent_back(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1")])
    zombie = floor.scoreboard
    floor.restart()
    await floor.sweep(MONTH_LATER)
    partition = _partition(floor)
    other = InMemoryFloor(TENANT)
    await other.take([call("c-1"), call("c-2")], [1])
    late = Chunk(partition, 1, other.publisher.logs[partition][1:])
    assert (await zombie.handle(late)).outcome is Fenced.BETWEEN
    assert (await zombie.handle(late)).outcome is Fenced.APPLIED
    assert floor.scoreboard_store.decoded_cells()["ana", f"d{DAY}"]["calls"].count == 2


async def test_a_sweep_of_a_state_that_moved_on_is_refused_and_begins_again(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1")])
    zombie = floor.scoreboard
    assert floor.clock is not None
    floor.clock.set(MONTH_LATER - DAY_US)
    partition = _partition(floor)
    assert await zombie.sweep(partition) is UNSWEPT
    await zombie.settle(partition)
    floor.scoreboard_store.refolds[partition] += 1  # as another worker does
    floor.clock.set(MONTH_LATER)
    with pytest.raises(MovedOn):
        await zombie.sweep(partition)
    assert (await zombie.sweep(partition)).counts == {SweptKind.PAGE_PACKED: 1}


async def test_a_sweep_is_done_in_slices(floor: InMemoryFloor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "SLICE_FACTS", 5)
    await floor.take([call(f"c-{n}", owner=owner) for n in range(3) for owner in ("ana", "bo", "cy")])
    assert floor.clock is not None
    floor.clock.set(MONTH_LATER - DAY_US)
    slices = []
    for instant in (MONTH_LATER - DAY_US, MONTH_LATER):
        floor.clock.set(instant)
        for partition in range(3):
            while (swept := await floor.scoreboard.sweep(partition)).is_more:
                slices.append(swept)
    assert len(slices) >= 3


@EXAMPLES
@given(deliveries(), st.integers(0, 14), st.integers(0, 14), st.sampled_from(["2026-12-25", "2027-01-10"]))
def test_packing_changes_no_number(delivered: list[Event], first: int, second: int, day: str) -> None:
    at = parse(f"{day}T00:00:00Z")

    async def packed() -> InMemoryFloor:
        floor = InMemoryFloor(TENANT, clock=ManualClock(at))
        for number, part in enumerate(
            (delivered[:first], delivered[first : first + second], delivered[first + second :])
        ):
            await floor.take([as_change(event) for event in part], [2])
            await floor.sweep(at + 2 * number * DAY_US)
        return floor

    floor = asyncio.run(packed())
    assert shown(floor) == shown(after(delivered))
    assert (floor.scoreboard_store.decoded_cells(), floor.scoreboard_store.distinct_values()) == floor.folded()


def after(delivered: Sequence[Event]) -> InMemoryFloor:
    floor = InMemoryFloor(TENANT)
    asyncio.run(floor.take([as_change(event) for event in delivered], [2]))
    return floor


@EXAMPLES
@given(events(), st.sampled_from(sorted(EDITS)))
def test_an_edit_is_followed_on_packed_pages(made: list[Event], edit: str) -> None:
    async def edited(*, packs: bool) -> InMemoryFloor:
        floor = InMemoryFloor(TENANT, clock=ManualClock(T0))
        await floor.take([as_change(event) for event in made])
        if packs:
            await floor.sweep(MONTH_LATER)
        floor.edit(EDITS[edit])
        floor.restart()
        await floor.settle()
        return floor

    assert shown(asyncio.run(edited(packs=True))) == shown(asyncio.run(edited(packs=False)))


# -- expiry --------------------------------------------------------------------


def short(days: int) -> InMemoryFloor:
    return InMemoryFloor(replace(TENANT, retention_days=days), clock=ManualClock(T0))


def retained(floor: InMemoryFloor, first: str) -> dict[tuple[str, str, str], Fact]:
    return {place: fact for place, fact in floor.scoreboard_store.facts().items() if place[1] >= first}


async def test_a_page_goes_when_its_day_is_over_for_retention_days(floor: InMemoryFloor) -> None:
    await floor.take([call()])
    end = parse("2026-11-24T00:00:00Z")
    await floor.sweep(end + 400 * DAY_US - 1)
    assert floor.scoreboard_store.facts()
    counts = await floor.sweep(end + 400 * DAY_US)
    assert (counts[SweptKind.PAGE_EXPIRED], counts[SweptKind.FACT_EXPIRED]) == (1, 1)
    assert shown(floor) == ({}, {}, {}, {}, {})
    assert packed_pages(floor) == set()


async def test_who_loses_a_page_is_one_step_further_and_told(floor: InMemoryFloor) -> None:
    await floor.take([call()])
    version = floor.scoreboard_store.versions[ANA]
    floor.scoreboard_store.changed.clear()
    await floor.sweep(TOO_OLD)
    assert floor.scoreboard_store.versions[ANA] == version + 1
    assert floor.scoreboard_store.changed == {ANA}


async def test_it_is_noted_from_which_day_on_pages_are_whole(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1"), call("c-2", at=T0 + DAY_US)])
    await floor.sweep(TOO_OLD - DAY_US)
    assert floor.scoreboard_store.cells[ANA][RETAINED_FIELD] == b"2026-11-24"


async def test_a_fact_of_a_day_that_is_gone_counts_until_the_next_sweep(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1"), call("c-2", at=T0 + DAY_US)])
    await floor.sweep(TOO_OLD)
    await floor.take([call("c-3", at=T0 - 5 * DAY_US)])
    assert floor.scoreboard_store.decoded_cells()["ana", "d2026-11-18"]["calls"].count == 1
    await floor.sweep(TOO_OLD + 2 * DAY_US)
    assert shown(floor)[:2] == ({}, {})
    assert floor.scoreboard_store.cells[ANA][RETAINED_FIELD] == b"2026-11-25"


async def test_nothing_of_a_tenant_who_is_not_configured_goes(floor: InMemoryFloor) -> None:
    await floor.take([call()])
    floor.catalogue.edit()
    await floor.settle()
    assert await floor.sweep(TOO_OLD) == {SweptKind.PAGE_PACKED: 1}


@EXAMPLES
@given(deliveries(), st.integers(0, 14), st.booleans(), st.integers(0, 4))
def test_exactly_what_is_too_old_goes(delivered: list[Event], first: int, packs: bool, lost: int) -> None:
    """In whatever form it was, whatever is lost on the way, and however often what is gone is said again."""
    tenant = replace(TENANT, retention_days=100)
    at = parse("2027-03-03T00:00:00Z")  # 2026-11-22 is over for exactly 100 days

    async def swept() -> InMemoryFloor:
        floor = InMemoryFloor(tenant, clock=ManualClock(at))
        changes = [as_change(event) for event in delivered]
        await floor.take(changes[:first])
        if packs:
            await floor.sweep(at - 22 * DAY_US)  # pages of 31 October go, their records do not yet
        await floor.take(changes[first:])
        floor.scoreboard_store.lost_commits = lost
        while True:
            try:
                await floor.sweep(at)
            except TransientError:
                continue
            return floor

    floor, whole = asyncio.run(swept()), after(delivered)
    store = floor.scoreboard_store
    assert store.facts() == retained(whole, "2026-11-23")
    assert (store.decoded_cells(), store.distinct_values()) == floor.folded()
    parked = [subject for subject, _, _ in store.facts() if subject.startswith("?")]
    assert store.unmapped == {f"acme/{subject}": parked.count(subject) for subject in parked}
    assert store.unconverted == {
        place: currency
        for place, currency in whole.scoreboard_store.unconverted.items()
        if place.split("/")[2] >= "2026-11-23"
    }


async def test_what_a_late_event_restated_is_told_before_its_page_goes(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1")])
    await floor.take([call("c-2", received_at=T0 + 3 * DAY_US)])
    await floor.sweep(TOO_OLD)
    told = [each for each in floor.scoreboard_store.restatements.told if each.kpi == "calls"]
    assert {(each.before, each.after) for each in told} == {(1, 2)}


# -- rounds --------------------------------------------------------------------


def looks(floor: InMemoryFloor, *instants: Micros) -> list[bool]:
    """Whether a sweep begins at each of these looks."""
    assert floor.clock is not None
    found = []
    for instant in instants:
        floor.clock.set(instant)
        found.append(asyncio.run(floor.scoreboard.sweep(0)) is not UNSWEPT)
    return found


def test_the_first_sweep_comes_a_day_after_the_partition_was_first_seen(floor: InMemoryFloor) -> None:
    assert looks(floor, T0, T0 + DAY_US - 1, T0 + DAY_US) == [False, False, True]


def test_there_is_one_sweep_a_day(floor: InMemoryFloor) -> None:
    looks(floor, T0, T0 + DAY_US)
    assert looks(floor, T0 + DAY_US + 1, T0 + 2 * DAY_US - 1, T0 + 2 * DAY_US) == [False, False, True]


def test_a_restart_does_not_put_a_sweep_off(floor: InMemoryFloor) -> None:
    looks(floor, T0)
    floor.restart()
    assert looks(floor, T0 + DAY_US) == [True]


def test_a_clock_that_jumps_ahead_has_to_be_right_for_a_day(floor: InMemoryFloor) -> None:
    jump = T0 + 365 * DAY_US
    assert looks(floor, T0, jump, jump + DAY_US - 1, T0 + 1, T0 + DAY_US + 1) == [False, False, False, False, True]


async def test_without_a_clock_nothing_is_swept() -> None:
    floor = InMemoryFloor(TENANT)
    assert await floor.ledger.sweep(0) is await floor.scoreboard.sweep(0) is UNSWEPT


def test_a_withdrawal_is_packed_and_unpacked_with_its_page(floor: InMemoryFloor) -> None:
    async def story() -> None:
        await floor.take([call("c-1"), change("call.deleted", record="c-1", at=T0 + 1)])
        await floor.sweep(MONTH_LATER)
        await floor.take([change("call.restored", record="c-1", at=T0 + 2)])

    asyncio.run(story())
    assert floor.scoreboard_store.decoded_cells()["ana", f"d{DAY}"]["calls"].count == 1
