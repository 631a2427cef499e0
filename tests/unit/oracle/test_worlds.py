"""Random worlds: what the product's core reads is what the judge says, however the events arrive."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.support import floor_worlds
from tests.support.judge.readings import Judge
from tests.support.judged_floor import JudgedFloor, differences

WORLDS = int(os.environ.get("PACER_TEST_WORLDS", "8"))
"""More of them by the environment; each takes about a second."""
NOWS = ("2026-11-24T11:00:00Z", "2026-11-24T23:30:00Z", "2026-11-23T09:00:00.5Z", "2026-11-24T10:45:00Z")


@dataclass
class World:
    """A configuration, what was ever sent under it, and an instant at which to look."""

    rng: Random
    configuration: dict[str, Any]
    told: list[dict[str, Any]]
    now: datetime

    def floor(self, directory: Path, delivered: list[dict[str, Any]] | None = None) -> JudgedFloor:
        """A fresh floor that has had the events in another order, with repeats, in chunks of some sizes."""
        floor = JudgedFloor(self.configuration, directory)
        sizes = [self.rng.randint(1, 6) for _ in range(6)]
        floor.take(floor_worlds.delivered(self.rng, self.told) if delivered is None else delivered, sizes)
        return floor

    def periods(self, count: int) -> Iterator[tuple[str, Any]]:
        """Kinds with a date or instant: now's, and those of some events."""
        for _ in range(count):
            at = datetime.fromisoformat(self.rng.choice(self.told)["occurred_at"])
            at = self.rng.choice((self.now, at, at))
            yield self.rng.choice(floor_worlds.PERIODS), self.rng.choice((at, at.date()))


def a_world(seed: int) -> World:
    rng = Random(seed)
    now = datetime.fromisoformat(rng.choice(NOWS))
    configuration = floor_worlds.configuration(rng)
    return World(rng, configuration, floor_worlds.events(rng, configuration, now), now)


@pytest.mark.parametrize("seed", range(WORLDS))
def test_every_reading_is_the_judges(seed: int, tmp_path: Path) -> None:
    world = a_world(seed)
    floor = world.floor(tmp_path)
    floor.assert_cells_are_folds()
    judge = Judge(world.configuration, world.told, now=world.now)
    found = [line for kind, at in world.periods(4) for line in differences(floor, judge, kind, at)]
    assert found == []
    parked = {f"?{fact.source}/{fact.owner}" for fact in judge.unmapped}
    assert {key.partition("/")[2] for key in floor.floor.scoreboard_store.unmapped} == parked
    assert sum(floor.floor.scoreboard_store.unmapped.values()) == len(judge.unmapped)


@pytest.mark.parametrize("seed", range(1_000, 1_000 + 2 * WORLDS))
def test_order_repeats_and_chunks_do_not_matter(seed: int, tmp_path: Path) -> None:
    world = a_world(seed)
    some = floor_worlds.events(world.rng, world.configuration, world.now)
    world.told += [event | {"id": world.rng.choice(world.told)["id"]} for event in some]  # one id, two things said
    one, other = world.floor(tmp_path / "one"), world.floor(tmp_path / "other")
    assert one.shown() == other.shown()


@pytest.mark.parametrize("seed", range(2_000, 2_000 + WORLDS))
def test_after_everything_is_gone_nothing_is_left(seed: int, tmp_path: Path) -> None:
    world = a_world(seed)
    records = {
        (event.get("source", "native"), event["type"].partition(".")[0], event.get("record", event["id"])): event
        for event in world.told
    }
    gone = [
        {"id": f"end-{n}", "type": f"{kind}.{world.rng.choice(('deleted', 'merged'))}", "record": record,
         "source": source, "occurred_at": "2026-11-25T23:59:59Z", "fields": {"into": "x"}}
        for n, (source, kind, record) in enumerate(records)
    ]  # fmt: skip
    world.told += gone
    facts, cells, values, unmapped, unconverted = world.floor(tmp_path).shown()
    assert (dict(facts), cells, values) == ({}, {}, {})
    assert not any(unmapped.values())
    assert not any(unconverted.values())


@pytest.mark.parametrize("seed", range(3_000, 3_000 + WORLDS))
def test_a_log_read_again_in_other_chunks_changes_nothing(seed: int, tmp_path: Path) -> None:
    world = a_world(seed)
    floor = world.floor(tmp_path)
    before = floor.shown()
    store = floor.floor.ledger_store
    store.fence.offsets[0] = 0  # an older copy of the state came back: the log is read from its start
    floor.floor.restart()
    asyncio.run(floor.floor.take([], [world.rng.randint(1, 9) for _ in range(9)]))
    asyncio.run(floor.floor.score())
    assert floor.shown() == before
    floor.assert_cells_are_folds()
