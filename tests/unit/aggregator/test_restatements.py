"""Which changes restate a closed period, and which event each restatement names."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from shared.domain.changes import RecordChange
from shared.domain.instants import Micros, parse
from shared.domain.restatements import Restatement, RestatementReason
from tests.support.aggregator_edits import BASE, IDENTITY_ADDED
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.aggregator_tenant import counting_tenant
from tests.support.changes import call, change, deal

TENANT = counting_tenant()
FRIDAY = parse("2026-10-30T12:00:00Z")
LATER = parse("2026-11-23T12:00:00Z")


@pytest.fixture
def floor() -> InMemoryFloor:
    """Ana is in Berlin, Bo in Los Angeles, Cy in Kolkata."""
    return InMemoryFloor(TENANT)


async def told(floor: InMemoryFloor, *changes: RecordChange) -> list[Restatement]:
    before = len(floor.told())
    await floor.take(changes)
    await floor.restate()
    return floor.told()[before:]


def of(found: list[Restatement], kpi: str, kind: str = "day") -> list[tuple[str, Decimal | None, Decimal | None]]:
    return [(each.period[1], each.before, each.after) for each in found if (each.kpi, each.period[0]) == (kpi, kind)]


def received(said: RecordChange, at: Micros = LATER, **others: Any) -> RecordChange:
    return replace(said, received_at=at, **others)


async def test_what_comes_on_its_own_day_restates_nothing(floor: InMemoryFloor) -> None:
    assert await told(floor, call(at=FRIDAY), call("c-2", at=FRIDAY + 1)) == []
    assert await floor.scoreboard_store.restatements.marked(0, 1) == (0, [])


@pytest.mark.parametrize(
    ("rep", "in_time", "late"),
    [
        ("ana", "2026-11-23T22:59:59.999999Z", "2026-11-23T23:00:00Z"),
        ("bo", "2026-11-24T07:59:59.999999Z", "2026-11-24T08:00:00Z"),
        ("cy", "2026-11-23T18:29:59.999999Z", "2026-11-23T18:30:00Z"),
    ],
)
async def test_a_day_closes_at_midnight_on_the_reps_own_wall(
    floor: InMemoryFloor, rep: str, in_time: str, late: str
) -> None:
    logged = parse("2026-11-23T18:00:00Z")
    assert await told(floor, received(call("c-1", at=logged, owner=rep), parse(in_time))) == []
    found = await told(floor, received(call("c-2", at=logged, owner=rep), parse(late)))
    assert of(found, "calls") == [("2026-11-23", Decimal(1), Decimal(2))]


async def test_a_late_call_restates_every_period_that_is_over(floor: InMemoryFloor) -> None:
    found = await told(floor, received(call(at=FRIDAY)))
    assert {each.period for each in found if each.kpi == "calls"} == {
        ("day", "2026-10-30"), ("week", "w2026-10-26"), ("month", "2026-10"),
    }  # fmt: skip
    assert {each.cause.event for each in found} == {"e-c-1-call.logged-1793361600000000"}


async def test_a_deal_of_last_month_that_is_deleted_restates_all_that_it_counted_for(floor: InMemoryFloor) -> None:
    await floor.take([deal("won", at=FRIDAY, amount="100"), deal("lost", record="d-2", at=FRIDAY)])
    found = await told(floor, received(change("deal.deleted", record="d-1", at=LATER - 1, event="e-gone")))
    assert of(found, "revenue", "month") == [("2026-10", Decimal(100), Decimal(0))]
    assert of(found, "win_rate", "month") == [("2026-10", Decimal("0.5"), Decimal(0))]
    assert {(each.cause.event, each.cause.at, each.cause.reason) for each in found} == {
        ("e-gone", LATER, RestatementReason.EVENT)
    }


async def test_a_deal_that_moves_from_one_closed_month_to_another_restates_both(floor: InMemoryFloor) -> None:
    september = parse("2026-09-10T12:00:00Z")
    await floor.take([deal("won", at=FRIDAY, amount="100", times={"won": FRIDAY})])
    moved = deal("updated", at=LATER - 1, times={"won": september}, event="e-moved")
    found = await told(floor, received(moved))
    assert sorted(of(found, "revenue", "month")) == [
        ("2026-09", Decimal(0), Decimal(100)), ("2026-10", Decimal(100), Decimal(0)),
    ]  # fmt: skip


async def test_a_call_that_moves_out_of_a_day_that_is_over_restates_it(floor: InMemoryFloor) -> None:
    night, morning = parse("2026-11-23T07:00:00Z"), parse("2026-11-23T09:00:00Z")
    await floor.take([call(at=night, owner="bo")])
    found = await told(floor, received(call(at=morning, owner="bo"), morning + 1))
    assert of(found, "calls") == [("2026-11-22", Decimal(1), Decimal(0))], "both are of one UTC day"


async def test_a_call_that_is_given_to_somebody_else_restates_both(floor: InMemoryFloor) -> None:
    await floor.take([call(at=FRIDAY)])
    given = change("call.updated", record="c-1", at=LATER - 1, owner="bo", event="e-given")
    found = [each for each in await told(floor, received(given)) if each.kpi == "calls" and each.period[0] == "month"]
    assert {(each.rep, each.before, each.after, each.cause.event) for each in found} == {
        ("ana", Decimal(1), Decimal(0), "e-given"), ("bo", Decimal(0), Decimal(1), "e-given"),
    }  # fmt: skip


async def test_each_of_several_late_events_is_named_where_it_counts(floor: InMemoryFloor) -> None:
    filtered = received(call("c-0", at=FRIDAY, event="e-inbound", fields={"direction": "inbound"}), LATER)
    counted = received(call("c-1", at=FRIDAY, event="e-call"), LATER + 1)
    mailed = received(change("email.sent", record="m-1", at=FRIDAY, event="e-mail"), LATER + 2)
    found = await told(floor, filtered, counted, mailed)
    named = {each.kpi: each.cause.event for each in found if each.period[0] == "day"}
    assert (named["calls"], named["emails"]) == ("e-call", "e-mail")


async def test_of_a_burst_each_reading_is_restated_once(floor: InMemoryFloor) -> None:
    burst = [received(call(f"c-{n}", at=FRIDAY), LATER + n) for n in range(20)]
    await floor.take(burst, [3, 4, 5])
    await floor.restate()
    assert of(floor.told(), "calls") == [("2026-10-30", Decimal(0), Decimal(20))]


@pytest.mark.parametrize("year", ["0999", "1583", "1969", "1971"])
async def test_the_far_past_is_restated_like_any_other(floor: InMemoryFloor, year: str) -> None:
    found = await told(floor, received(call(at=parse(f"{year}-03-01T12:00:00Z"))))
    assert of(found, "calls") == [(f"{year}-03-01", Decimal(0), Decimal(1))]
    assert {each.period[0] for each in found} == {"day", "week", "month", "quarter", "year"}


async def test_a_late_event_that_is_sent_again_restates_nothing(floor: InMemoryFloor) -> None:
    assert await told(floor, received(call(at=FRIDAY)))
    assert await told(floor, received(call(at=FRIDAY), LATER + 5)) == []


async def test_what_a_chunk_holds_of_a_day_that_was_not_over_is_not_restated(floor: InMemoryFloor) -> None:
    late = received(call("c-3", at=FRIDAY))
    found = await told(floor, call("c-1", at=FRIDAY), call("c-2", at=FRIDAY), late)
    assert of(found, "calls") == [("2026-10-30", Decimal(2), Decimal(3))]


async def test_a_mark_outlives_the_worker_who_made_it(floor: InMemoryFloor) -> None:
    await floor.take([received(call(at=FRIDAY))])
    floor.restart()
    await floor.restate()
    assert of(floor.told(), "calls") == [("2026-10-30", Decimal(0), Decimal(1))]


async def test_restatements_that_could_not_be_told_are_told_the_next_time(floor: InMemoryFloor) -> None:
    await floor.take([received(call(at=FRIDAY))])
    floor.scoreboard_store.lost_commits = 1
    with pytest.raises(Exception, match="lost"):
        await floor.restate()
    await floor.restate()
    assert of(floor.told(), "calls") == [("2026-10-30", Decimal(0), Decimal(1))]


async def test_an_identity_that_is_added_restates_by_configuration() -> None:
    floor = InMemoryFloor(BASE)
    await floor.take([call(at=FRIDAY, owner="ghost")])
    floor.edit(IDENTITY_ADDED, at=LATER)
    await floor.settle()
    await floor.restate()
    (found,) = [each for each in floor.told() if (each.kpi, each.period[0]) == ("calls", "day")]
    assert (found.rep, found.before, found.after) == ("cy", Decimal(0), Decimal(1))
    assert (found.cause.reason, found.cause.at) == (RestatementReason.CONFIGURATION, LATER)
