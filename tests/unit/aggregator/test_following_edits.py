"""What an edit of the configuration does to facts and cells, and what it leaves alone."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.aggregator.domain.footing import digest_of
from services.aggregator.ports import Chunk, Fenced
from shared.contracts.messages import decode_batch
from shared.domain.facts import Revision
from tests.support.aggregator_edits import BASE, EDITS, IDENTITY_ADDED
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.changes import call

ANA, DAY = ("acme", "ana"), "d2026-11-23"


@pytest.fixture
def floor() -> InMemoryFloor:
    return InMemoryFloor(BASE)


async def test_parked_facts_move_to_the_rep_whom_an_identity_names(floor: InMemoryFloor) -> None:
    await floor.take([call(owner="ghost")])
    floor.edit(IDENTITY_ADDED)
    await floor.settle()
    assert [subject for subject, _, _ in floor.scoreboard_store.facts()] == ["cy"]
    assert floor.scoreboard_store.unmapped == {}


async def test_what_is_moved_bears_the_position_of_the_records_and_the_new_generation(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1", owner="ghost"), call("c-2")])
    floor.edit(IDENTITY_ADDED)
    await floor.ledger.settle(0)
    moved = [decode_batch(log[-1]).changes[-1] for log in floor.publisher.logs.values()]
    assert Revision(1, 2) in {change.entry.revision for change in moved}


async def test_an_edit_that_moves_nobody_passes_over_no_record(floor: InMemoryFloor) -> None:
    await floor.take([call()])
    floor.edit(replace(EDITS["filter changed"], name="Acme & Sons"))
    assert (await floor.ledger.settle(0)).remaining == 0


async def test_a_rep_who_is_folded_anew_is_one_step_further(floor: InMemoryFloor) -> None:
    await floor.take([call()])
    version = floor.scoreboard_store.versions[ANA]
    floor.edit(EDITS["filter changed"])
    await floor.settle()
    assert floor.scoreboard_store.versions[ANA] == version + 1


async def test_until_she_is_folded_anew_a_rep_is_counted_under_what_her_cells_are(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1")])
    floor.edit(EDITS["filter changed"])
    await floor.take([call("c-2")])
    assert floor.scoreboard_store.decoded_cells()["ana", DAY]["calls"].count == 2


async def test_a_new_worker_folds_a_rep_anew_before_it_counts(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1")])
    floor.edit(EDITS["filter changed"])
    floor.restart()
    await floor.take([call("c-2")])
    assert "calls" not in floor.scoreboard_store.decoded_cells()["ana", DAY]


async def test_a_worker_that_missed_a_fold_anew_cannot_write(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1")])
    zombie = floor.scoreboard
    floor.edit(EDITS["filter changed"])
    floor.restart()
    await floor.settle()
    ((partition, log),) = ((p, log) for p, log in floor.publisher.logs.items() if log)
    start = floor.scoreboard_store.fence.offsets[partition]
    late = await zombie.handle(Chunk(partition, start, log[:1]))
    assert late.outcome is Fenced.BETWEEN


@pytest.mark.parametrize(
    "changed",
    [
        "filter changed",
        "facts changed",
        "distinct field changed",
        "rates changed",
        "version added",
        "distinct version added",
    ],
)
def test_the_digest_changes_with_what_is_counted(changed: str) -> None:
    assert digest_of(EDITS[changed]) != digest_of(BASE)


def test_the_digest_is_the_same_whatever_a_kpi_is_called() -> None:
    renamed = {name: replace(kpi, name="Another", periods=("year",)) for name, kpi in BASE.kpis.items()}
    assert digest_of(replace(BASE, kpis=renamed)) == digest_of(BASE)
