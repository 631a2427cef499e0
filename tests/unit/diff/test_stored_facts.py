"""Cells that are computed for an edit equal those that the aggregator has once it has followed the edit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.diff.folded import Folding, Pair
from cli.diff.stored_facts import Stored, StoredFacts
from services.aggregator.domain.attribution import AttributionRule
from services.aggregator.domain.succession import Succession
from shared.adapters.live_state import StateLayout
from shared.domain.cells import SubjectCells
from shared.domain.instants import parse
from shared.domain.kpis import RANKED
from shared.domain.tenant import Tenant
from tests.support.aggregator_edits import EDITS
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.floor_events import as_change, deliveries

edits = st.sampled_from(sorted(EDITS))


async def filled(tenant: Tenant, events: list[dict[str, Any]]) -> InMemoryFloor:
    floor = InMemoryFloor(tenant)
    await floor.take(map(as_change, events), [3])
    return floor


def stored_of(floor: InMemoryFloor, *rules: Tenant) -> StoredFacts:
    layout = StateLayout(events=1, facts=floor.publisher.partitions)
    successions = [Succession({tenant.id: AttributionRule.of(tenant)}, 1, 0) for tenant in rules]
    return StoredFacts(floor.ledger_store, floor.scoreboard_store, Stored(layout, successions), everything)


async def everything(_tenant: str, _rep: str) -> int:
    return 0


async def pairs(facts: StoredFacts, old: Tenant, new: Tenant, kept_from: str = "") -> dict[str, Pair]:
    moved = await facts.moved(old, new, lambda *_: None)
    folding = Folding(old, new)
    reps = dict.fromkeys((*old.organisation.reps, *new.organisation.reps))
    return {rep: await facts.pair(folding, new.id, rep, moved.shifts.get(rep), kept_from) for rep in reps}


def plain(cells: SubjectCells, tenant: Tenant) -> Mapping[str, Any]:
    """Comparable, without empty cells. Ranked numbers only for ranked KPIs: a double keeps more."""
    ranked = {kpi.definition for kpi in tenant.kpis.values() if kpi.aggregate in RANKED}
    return {
        "cells": {name: {d: (a.count, a.total) for d, a in cell.items()} for name, cell in cells.cells.items() if cell},
        "values": {place: found for place, found in cells.values.items() if found and place[0] not in ranked},
        "numbers": {place: found for place, found in cells.numbers.items() if found and place[0] in ranked},
    }


def counted(floor: InMemoryFloor, reps: Mapping[str, object]) -> dict[str, Mapping[str, Any]]:
    """What the aggregator has of configured reps."""
    cells = floor.scoreboard_store
    known = {rep for _, rep in cells.versions}
    return {rep: plain(cells.subject_cells(rep) if rep in known else SubjectCells(), floor.tenant) for rep in reps}


@given(events=deliveries(), before=edits, after=edits)
@settings(max_examples=150, deadline=None)
async def test_both_sides_of_an_edit_are_what_the_aggregator_counts(
    events: list[dict[str, Any]], before: str, after: str
) -> None:
    old, new = EDITS[before], EDITS[after]
    floor = await filled(old, events)
    found = await pairs(stored_of(floor, old), old, new)

    assert {rep: plain(found[rep].old, old) for rep in old.organisation.reps} == counted(floor, old.organisation.reps)
    floor.edit(new)
    await floor.settle()
    assert {rep: plain(found[rep].new, new) for rep in new.organisation.reps} == counted(floor, new.organisation.reps)


@given(events=deliveries(), before=edits, after=edits, running=edits)
@settings(max_examples=100, deadline=None)
async def test_what_is_said_does_not_depend_on_what_runs(
    events: list[dict[str, Any]], before: str, after: str, running: str
) -> None:
    old, new, other = EDITS[before], EDITS[after], EDITS[running]
    calm = await pairs(stored_of(await filled(old, events), old), old, new)
    found = await pairs(stored_of(await filled(other, events), other, new), old, new)

    assert {rep: (plain(pair.old, old), plain(pair.new, new)) for rep, pair in found.items()} == {
        rep: (plain(pair.old, old), plain(pair.new, new)) for rep, pair in calm.items()
    }


A_DEAL = {
    "id": "e1",
    "type": "deal.won",
    "record": "d",
    "occurred_at": "2026-11-23T08:00:00Z",
    "rep": "ana",
    "fields": {},
}
A_CALL = A_DEAL | {"id": "e2", "type": "call.logged", "record": "c", "occurred_at": "2026-11-24T09:00:00Z"}


async def test_without_a_change_of_owners_no_record_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    floor = await filled(EDITS["none"], [A_DEAL])
    monkeypatch.setattr(floor.ledger_store, "scan", None)

    found = await pairs(stored_of(floor, EDITS["none"]), EDITS["none"], EDITS["filter changed"])

    assert found["ana"].old is not found["ana"].new


async def test_without_a_change_of_counting_nothing_is_folded_twice() -> None:
    floor = await filled(EDITS["none"], [A_DEAL])

    found = await pairs(stored_of(floor, EDITS["none"]), EDITS["none"], EDITS["none"])

    assert all(pair.old is pair.new for pair in found.values()) and found["ana"].old.cells


async def test_a_shorter_retention_keeps_no_earlier_day() -> None:
    floor = await filled(EDITS["none"], [A_DEAL, A_CALL])

    found = await pairs(stored_of(floor, EDITS["none"]), EDITS["none"], EDITS["none"], kept_from="2026-11-24")

    assert [day.isoformat() for day in found["ana"].touched] == ["2026-11-23"]
    assert found["ana"].new.retained_from == parse("2026-11-24T00:00:00Z")
