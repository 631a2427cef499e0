"""Which records go for their age, what is kept of some, and what a late word of one that is gone does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.aggregator.domain.ageing import SweptKind
from services.aggregator.domain.record_expiry import outlived
from shared.contracts.records import unpack
from shared.domain.changes import RecordChange
from shared.domain.derivation import facts_of
from shared.domain.instants import DAY_US
from shared.domain.records import Record, RecordKey
from shared.domain.tenant import Credit
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.aggregator_tenant import counting_tenant
from tests.support.changes import T0, call, change, deal
from tests.support.floor_events import as_change, events
from tests.support.manual_clock import ManualClock

TENANT = replace(counting_tenant(), retention_days=100)
DUE = T0 + 103 * DAY_US
"""The day of T0 is over for 102 days: two more than ``retention_days``."""


def merged(changes: Iterable[RecordChange]) -> tuple[Record, RecordKey]:
    first, *others = changes
    record = Record.of(first)
    for other in others:
        record.merge(other)
    return record, RecordKey.of(first)


def kept(*changes: RecordChange, at: int = DUE) -> Record | None:
    """What is kept of a record of these changes."""
    record, key = merged(changes)
    verdict = outlived(record, key, at, retention_days=100)
    return record if verdict is None else verdict.record


def test_a_record_goes_when_its_last_word_is_older_than_its_facts_are_kept() -> None:
    assert kept(call(), at=DUE - DAY_US) is not None
    assert kept(call()) is None


@pytest.mark.parametrize(
    "last",
    [
        change("call.updated", record="c-1", at=T0 + DAY_US),
        change("call.updated", record="c-1", owner="bo", at=T0 + DAY_US),
        change("call.updated", record="c-1", at=T0, times={"logged": T0 + DAY_US}),
        change("call.updated", record="c-1", at=T0 + DAY_US, url="https://x"),
        change("call.restored", record="c-1", at=T0 + DAY_US),
    ],
)
def test_whatever_was_said_last_counts(last: RecordChange) -> None:
    assert kept(call(), last) is not None


@pytest.mark.parametrize("verbs", [(), ("won", "reopened"), ("stage_changed",)])
def test_a_deal_that_is_open_stays_as_it_is(verbs: tuple[str, ...]) -> None:
    changes = [deal("created", amount="5")]
    changes += [deal(verb, at=T0 + number, stage="new") for number, verb in enumerate(verbs, start=1)]
    assert kept(*changes, at=T0 + 5_000 * DAY_US) == merged(changes)[0]


def test_of_a_deal_that_is_over_its_fate_stays() -> None:
    changes = [
        deal("created", amount="5", account="a-1"),
        deal("stage_changed", stage="new", at=T0 + 1),
        deal("won", at=T0 + 2),
        deal("won", at=T0 + 3),
        deal("won", at=T0 + 4),
    ]
    fate = kept(*changes)
    assert fate is not None
    assert (fate.owners, fate.url, fate.moments, set(fate.fields)) == ([], None, {}, {"status", "stage"})
    assert [said[0] for said in fate.statuses] == [T0 + 2, T0 + 4]
    assert kept(*changes) == fate


def test_what_was_reduced_once_stays_as_it_is() -> None:
    fate = kept(deal("won", amount="5"))
    assert fate is not None
    assert outlived(fate, RecordKey("acme", "native", "deal", "d-1"), DUE, retention_days=100) is None


@pytest.mark.parametrize("verb", ["deleted", "merged"])
def test_of_what_is_gone_it_is_known_that_it_is(verb: str) -> None:
    fate = kept(call(), change(f"call.{verb}", record="c-1", at=T0 + 1))
    assert fate is not None
    assert fate.is_gone


# -- in the ledger -------------------------------------------------------------


@pytest.fixture
def floor() -> InMemoryFloor:
    return InMemoryFloor(TENANT, clock=ManualClock(T0))


async def test_the_sweep_removes_what_is_too_old_and_nothing_else(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1"), call("c-2", at=T0 + DAY_US), deal("won", amount="5"), deal("created", record="d-2")])
    counts = await floor.sweep(DUE)
    assert (counts[SweptKind.RECORD_EXPIRED], counts[SweptKind.RECORD_REDUCED]) == (1, 1)
    kept_keys = {key.removeprefix("acme/native/") for key in floor.ledger_store.records}
    assert kept_keys == {"call/c-2", "deal/d-1", "deal/d-2"}


async def test_a_late_word_of_a_deal_that_was_won_does_not_make_it_open(floor: InMemoryFloor) -> None:
    await floor.take([deal("won", amount="5")])
    await floor.sweep(DUE)
    await floor.take([deal("updated", amount="7", at=DUE, owner=None), deal("updated", account="a-1", at=DUE + 1)])
    assert [page for _, page, _ in floor.scoreboard_store.facts()] == ["2026-11-23"]  # gone with the next sweep


async def test_a_deal_that_is_reopened_after_all_is_what_is_said_of_it_since(floor: InMemoryFloor) -> None:
    await floor.take([deal("won", amount="5")])
    await floor.sweep(DUE)
    await floor.take([deal("updated", amount="7", at=DUE + 1), deal("reopened", at=DUE)])
    ((place, fact),) = floor.scoreboard_store.facts().items()
    assert (place[:2], fact.fields["amount"]) == (("ana", "open"), "7")


async def test_a_stage_that_was_entered_is_not_entered_for_the_first_time_again(floor: InMemoryFloor) -> None:
    await floor.take([deal("won", stage="proposal")])
    await floor.sweep(DUE)
    await floor.take([deal("stage_changed", stage="proposal", at=DUE)])
    assert {page for _, page, _ in floor.scoreboard_store.facts()} <= {"2026-11-23"}


async def test_what_was_deleted_stays_deleted(floor: InMemoryFloor) -> None:
    await floor.take([call(), change("call.deleted", record="c-1", at=T0 + 1)])
    await floor.sweep(DUE)
    await floor.take([call(at=DUE)])
    assert floor.scoreboard_store.facts() == {}


@settings(deadline=None, max_examples=60)
@given(events(), st.integers(0, 2))
def test_no_record_goes_that_a_retained_fact_follows_from(made: list[dict[str, object]], late: int) -> None:
    """Whatever is retained of a floor's facts is what records that were swept give, too."""
    at = T0 + (101 + late) * DAY_US
    horizon = str(("2026-11-23", "2026-11-24", "2026-11-25")[late])

    async def swept() -> InMemoryFloor:
        floor = InMemoryFloor(TENANT, clock=ManualClock(at))
        await floor.take([as_change(event) for event in made])
        await floor.sweep(at)
        return floor

    floor = asyncio.run(swept())
    derived = set()
    for text, packed in floor.ledger_store.records.items():
        key = RecordKey.parse(text)
        derived |= {fact.id for fact in facts_of(key, unpack(packed, key), Credit()) if fact.page >= horizon}
    assert {fact_id for _, page, fact_id in floor.scoreboard_store.facts() if page >= horizon} <= derived
