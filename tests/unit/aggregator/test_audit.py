"""The self-check: it finds what is wrong, is silent about what is right, and what it finds repairs itself."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from datetime import timedelta
from random import Random

import pytest
from msgspec.structs import replace

from services.aggregator.auditing import SKEW_US, Finding, LogAudit
from services.aggregator.domain.stored import ScoreboardCommit
from services.aggregator.page_auditing import PagesAudit
from shared.contracts.messages import decode_entry, encode_cell, encode_entry
from shared.domain.accumulators import Accumulator
from shared.domain.changes import RecordChange, Scalar
from shared.domain.facts import PageEntry, Revision
from shared.domain.instants import DAY_US
from tests.support.aggregator_edits import EDITS, IDENTITY_ADDED
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.aggregator_tenant import counting_tenant
from tests.support.changes import HOUR_US, T0, call, deal, on_the_log
from tests.support.manual_clock import ManualClock

ANA = ("acme", "ana")


class LogInMemory:
    """EventsLog over the floor's log."""

    def __init__(self, floor: InMemoryFloor) -> None:
        self._floor = floor

    async def sample(self, partition: int, *, before: int, count: int) -> Sequence[bytes]:
        assert partition == 0
        return self._floor.log[: min(before, count)]

    async def write_again(self, partition: int, change: RecordChange) -> None:
        assert partition == 0
        self._floor.log += on_the_log([change])


@pytest.fixture
def floor() -> InMemoryFloor:
    return InMemoryFloor(counting_tenant())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(T0 + DAY_US)


@pytest.fixture
def log_audit(floor: InMemoryFloor, clock: ManualClock) -> LogAudit:
    return LogAudit(
        LogInMemory(floor),
        floor.ledger_store,
        floor.scoreboard_store,
        reattribution=floor.ledger.reattribution,
        catalogue=floor.catalogue,
        clock=clock,
    )


def partition_of_ana(floor: InMemoryFloor) -> int:
    (partition,) = [number for number, reps in floor.scoreboard_store.footed.items() if ANA in reps]
    return partition


async def look(floor: InMemoryFloor) -> Finding:
    return await floor.scoreboard.audit.look_at(partition_of_ana(floor), ANA)


async def look_at_log(floor: InMemoryFloor, audit: LogAudit) -> list[Finding]:
    return await audit.look_at(0, len(floor.log), 100)


async def test_cells_that_are_the_fold_of_their_pages_are_the_same(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1"), call("c-2"), deal("won", amount="12.50"), call("c-2", verb="deleted", event="z")])
    assert await look(floor) is Finding.SAME


@pytest.mark.parametrize("broken", [encode_cell({"calls": Accumulator(9)}), encode_cell({}), b"\xc1", None])
async def test_a_cell_that_is_not_is_found_and_folded_anew(floor: InMemoryFloor, broken: bytes | None) -> None:
    await floor.take([call("c-1")])
    right = floor.scoreboard_store.decoded_cells()
    name = next(name for name in floor.scoreboard_store.cells[ANA] if name.startswith("d"))
    if broken is None:
        del floor.scoreboard_store.cells[ANA][name]
    else:
        floor.scoreboard_store.cells[ANA][name] = broken
    assert await look(floor) is Finding.DIFFERENT
    await floor.settle()
    assert (await look(floor), floor.scoreboard_store.decoded_cells()) == (Finding.SAME, right)


async def test_a_repaired_rep_is_told_to_readers(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1")])
    floor.scoreboard_store.changed.clear()
    floor.scoreboard_store.cells[ANA].pop(next(n for n in floor.scoreboard_store.cells[ANA] if n.startswith("m")))
    await look(floor)
    await floor.settle()
    assert floor.scoreboard_store.changed == {ANA}


async def test_a_distinct_value_too_many_is_found_and_goes(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1", fields={"account": "a-1"})])
    right = deepcopy(floor.scoreboard_store.distinct_values())
    next(iter(floor.scoreboard_store.values.values()))["a-2"] = 1
    assert await look(floor) is Finding.DIFFERENT
    await floor.settle()
    assert floor.scoreboard_store.distinct_values() == right


async def test_a_rep_who_changes_meanwhile_is_left_for_the_next_round(
    floor: InMemoryFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await floor.take([call("c-1")])
    partition, entries = partition_of_ana(floor), floor.scoreboard_store.entries

    async def entries_while_she_changes(*args: object) -> object:
        at = floor.scoreboard_store.fence.offsets[partition]
        commit = ScoreboardCommit(at, at, 0, {}, {}, {}, {}, {}, {ANA}, floor.scoreboard_store.refolds[partition])
        await floor.scoreboard_store.commit(partition, commit)
        return await entries(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(floor.scoreboard_store, "entries", entries_while_she_changes)
    assert await look(floor) is Finding.MOVED


async def test_a_rep_who_has_yet_to_follow_an_edit_is_not_judged(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1")])
    floor.edit(EDITS["zone changed"])
    assert await look(floor) is Finding.PENDING


async def test_events_whose_records_and_facts_are_there_are_the_same(floor: InMemoryFloor, log_audit: LogAudit) -> None:
    await floor.take([call("c-1"), deal("won", amount="7"), call("c-1", verb="deleted", event="z", at=T0 + HOUR_US)])
    assert set(await look_at_log(floor, log_audit)) == {Finding.SAME}


@pytest.mark.parametrize("how", ["record", "fact", "content"])
async def test_what_is_lost_is_suspect_then_different_and_comes_back(
    floor: InMemoryFloor, log_audit: LogAudit, clock: ManualClock, how: str
) -> None:
    await floor.take([call("c-1"), call("c-2")])
    right = floor.scoreboard_store.facts()
    lose(floor, how)
    assert Finding.SUSPECT in await look_at_log(floor, log_audit)
    clock.advance(timedelta(minutes=1))
    floor.scoreboard_store.mark_at = clock.now() + SKEW_US
    assert Finding.DIFFERENT in await look_at_log(floor, log_audit)
    await floor.take([])
    assert floor.scoreboard_store.facts() == right
    assert set(await look_at_log(floor, log_audit)) == {Finding.SAME}
    await look(floor)  # who lost a page entry alone has counted it twice by now
    await floor.settle()
    cells, values = floor.folded()
    assert (floor.scoreboard_store.decoded_cells(), floor.scoreboard_store.distinct_values()) == (cells, values)


def lose(floor: InMemoryFloor, how: str) -> None:
    if how == "record":
        floor.ledger_store.records.popitem()
        return
    page = next(entries for ref, entries in floor.scoreboard_store.pages_held.items() if ref[:2] == ANA)
    fact_id = next(iter(page))
    if how == "fact":
        del page[fact_id]
    else:
        page[fact_id] = encode_entry(PageEntry(Revision(0, 0), None))


async def test_a_fact_on_its_way_stays_suspect_until_the_scoreboard_is_past_it(
    floor: InMemoryFloor, log_audit: LogAudit, clock: ManualClock
) -> None:
    await floor.take([call("c-1")])
    lose(floor, "fact")
    await look_at_log(floor, log_audit)
    clock.advance(timedelta(minutes=1))
    assert Finding.DIFFERENT not in await look_at_log(floor, log_audit)


async def test_what_came_to_itself_meanwhile_is_no_difference(
    floor: InMemoryFloor, log_audit: LogAudit, clock: ManualClock
) -> None:
    await floor.take([call("c-1")])
    kept = dict(floor.ledger_store.records)
    lose(floor, "record")
    await look_at_log(floor, log_audit)
    clock.advance(timedelta(minutes=1))
    floor.ledger_store.records = kept
    assert set(await look_at_log(floor, log_audit)) == {Finding.SAME}


async def test_what_is_older_than_retained_may_be_gone(
    floor: InMemoryFloor, log_audit: LogAudit, clock: ManualClock
) -> None:
    await floor.take([call("c-1")])
    clock.advance(timedelta(days=floor.tenant.retention_days))
    lose(floor, "record")
    assert await look_at_log(floor, log_audit) == [Finding.EXPIRED]


async def test_while_facts_follow_an_edit_the_log_is_not_judged(floor: InMemoryFloor, log_audit: LogAudit) -> None:
    await floor.take([call("c-1")])
    floor.edit(IDENTITY_ADDED)
    assert await look_at_log(floor, log_audit) == [Finding.PENDING]


async def test_an_event_written_again_says_its_facts_and_nothing_else(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1")])
    facts, records = floor.scoreboard_store.facts(), dict(floor.ledger_store.records)
    (done,) = await floor.take([call("c-1", again=True)])
    assert (done.changes, floor.scoreboard_store.facts()) == (1, facts)
    assert floor.ledger_store.records.keys() == records.keys()


@pytest.fixture
def pages_audit(floor: InMemoryFloor, clock: ManualClock) -> PagesAudit:
    return PagesAudit(
        floor.ledger_store,
        floor.scoreboard_store,
        floor.publisher,
        reattribution=floor.ledger.reattribution,
        catalogue=floor.catalogue,
        clock=clock,
        ledger_of=lambda _: 0,
        chance=Random(1),
    )


async def look_at_pages(floor: InMemoryFloor, audit: PagesAudit, *, ledgers: tuple[int, ...] = (0,)) -> set[Finding]:
    return set(await audit.look_at(partition_of_ana(floor), ANA, ledgers=ledgers, count=100))


async def test_facts_that_their_records_say_are_the_same(floor: InMemoryFloor, pages_audit: PagesAudit) -> None:
    await floor.take([call("c-1"), call("c-2")])
    assert await look_at_pages(floor, pages_audit) == {Finding.SAME}


@pytest.mark.parametrize("content", [{"account": "a-9"}, {}])
async def test_a_fact_that_no_record_says_is_suspect_then_withdrawn(
    floor: InMemoryFloor, pages_audit: PagesAudit, clock: ManualClock, content: dict[str, Scalar]
) -> None:
    await floor.take([call("c-1"), call("c-2")])
    right = floor.scoreboard_store.facts()
    haunt(floor, content)
    assert Finding.SUSPECT in await look_at_pages(floor, pages_audit)
    clock.advance(timedelta(minutes=1))
    floor.scoreboard_store.mark_at = clock.now() + SKEW_US
    await floor.take([call("c-3", owner="bo")])
    assert Finding.DIFFERENT in await look_at_pages(floor, pages_audit)
    await floor.score()
    mine = {place: fact for place, fact in floor.scoreboard_store.facts().items() if place[0] == "ana"}
    assert mine == {place: fact for place, fact in right.items() if place[0] == "ana"}
    await look(floor)
    await floor.settle()
    assert floor.scoreboard_store.decoded_cells() == floor.folded()[0]


def haunt(floor: InMemoryFloor, content: dict[str, Scalar]) -> None:
    """Another content of a fact, or (without one) a fact of a record that nobody ever heard of."""
    page = next(entries for ref, entries in floor.scoreboard_store.pages_held.items() if ref[:2] == ANA)
    fact_id, packed = next(iter(page.items()))
    entry = decode_entry(packed)
    assert entry.fact is not None
    if content:
        page[fact_id] = encode_entry(PageEntry(entry.revision, replace(entry.fact, fields=content)))
    else:
        ghost = replace(entry.fact, record="c-666")
        page[ghost.id] = encode_entry(PageEntry(entry.revision, ghost))


async def test_facts_of_records_elsewhere_are_left_to_others(floor: InMemoryFloor, pages_audit: PagesAudit) -> None:
    await floor.take([call("c-1")])
    assert await look_at_pages(floor, pages_audit, ledgers=(1,)) == set()


async def test_a_record_that_has_expired_takes_no_fact_with_it(
    floor: InMemoryFloor, pages_audit: PagesAudit, clock: ManualClock
) -> None:
    await floor.take([call("c-1")])
    clock.advance(timedelta(days=floor.tenant.retention_days))
    floor.ledger_store.records.clear()
    assert await look_at_pages(floor, pages_audit) == {Finding.EXPIRED}


# -- beside the daily sweep ----------------------------------------------------


async def test_cells_are_the_fold_of_pages_that_are_packed_and_of_what_is_left_of_them() -> None:
    floor = InMemoryFloor(counting_tenant(), clock=ManualClock(T0))
    await floor.take([call("c-1"), call("c-2", at=T0 + 50 * DAY_US), call("c-3", at=T0 + 400 * DAY_US)])
    for at in (T0 + 40 * DAY_US, T0 + 410 * DAY_US):
        await floor.sweep(at)
        assert await look(floor) is Finding.SAME


async def test_what_went_for_its_age_is_not_missed() -> None:
    clock = ManualClock(T0)
    floor = InMemoryFloor(counting_tenant(), clock=clock)
    await floor.take([call("c-1"), deal("won", amount="5"), deal("created", record="d-2", amount="7")])
    await floor.sweep(T0 + 404 * DAY_US)
    audit = LogAudit(
        LogInMemory(floor),
        floor.ledger_store,
        floor.scoreboard_store,
        reattribution=floor.ledger.reattribution,
        catalogue=floor.catalogue,
        clock=clock,
    )
    assert await look_at_log(floor, audit) == [Finding.EXPIRED, Finding.SAME, Finding.SAME]


async def test_of_a_tenant_that_went_nothing_is_judged(
    floor: InMemoryFloor, log_audit: LogAudit, pages_audit: PagesAudit
) -> None:
    await floor.take([call("c-1")])
    lose(floor, "record")
    await look_at_log(floor, log_audit)
    floor.catalogue.edit()
    await floor.ledger.settle(0)
    assert await look_at_log(floor, log_audit) == []
    assert await look_at_pages(floor, pages_audit) == set()
