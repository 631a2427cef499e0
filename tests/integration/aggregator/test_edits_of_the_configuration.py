"""An edited configuration moves the numbers of a running worker, and of one that starts with it.

The floor is shared: each test begins with a worker that finds what the test before left under its own configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from cli.up.free_ports import free_ports
from tests.support.aggregator_floor import Floor, Sums
from tests.support.eventually import eventually
from tests.support.processes import Processes, Running

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]
START_SECONDS, EDIT_SECONDS = 60.0, 60.0
CALLS = 4_000
REP_7 = "{id: rep7, name: Rep 7, identities: {native: [rep7]}}"
NEWCOMER = "{id: newcomer, name: Newcomer}"
NEWCOMER_KNOWN = "{id: newcomer, name: Newcomer, identities: {native: [rep7]}}"


@pytest.fixture
def config(floor: Floor) -> Iterator[Path]:
    """The floor's configuration, to be edited; the next test finds it as it was."""
    kept = {path: path.read_bytes() for path in floor.config.iterdir()}
    yield floor.config
    for path, content in kept.items():
        path.write_bytes(content)


@pytest.fixture
def start(floor: Floor, processes: Processes) -> Callable[[], Running]:
    """Starts a worker."""
    return lambda: floor.worker(processes, free_ports(1)[0])


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def counted(floor: Floor) -> Sums:
    """Reps who have something."""
    return {rep: sums for rep, sums in floor.counted().items() if sums[0]}


def named(sums: Sums, old: str, new: str) -> Sums:
    return {new if rep == old else rep: counted for rep, counted in sums.items()}


async def test_an_identity_that_is_added_moves_parked_facts_to_the_rep(
    floor: Floor, config: Path, start: Callable[[], Running]
) -> None:
    edit(config / "people.yaml", REP_7, NEWCOMER)
    start()
    floor.log_calls(CALLS)
    others = {rep: sums for rep, sums in floor.expected.items() if rep != "rep7"}
    await eventually(lambda: counted(floor), equals=others, within_seconds=START_SECONDS)
    await eventually(floor.parked, equals={"acme/?native/rep7": floor.expected["rep7"][0]})
    edit(config / "people.yaml", NEWCOMER, NEWCOMER_KNOWN)
    moved = named(floor.expected, "rep7", "newcomer")
    await eventually(lambda: (counted(floor), floor.parked()), equals=(moved, {}), within_seconds=EDIT_SECONDS)


async def test_an_edited_filter_moves_every_rep_while_calls_arrive(
    floor: Floor, config: Path, start: Callable[[], Running]
) -> None:
    start()
    floor.log_calls(CALLS)
    await eventually(lambda: counted(floor), equals=floor.expected, within_seconds=START_SECONDS)
    edit(config / "kpis.yaml", "field: seconds,", "field: seconds, where: {seconds: {gte: 300}},")
    floor.log_calls(CALLS)
    long_calls = {
        rep: (calls, sum((seconds for seconds in floor.seconds(rep) if seconds >= 300), Decimal(0)))
        for rep, (calls, _) in floor.expected.items()
    }
    await eventually(lambda: counted(floor), equals=long_calls, within_seconds=EDIT_SECONDS)


async def test_a_worker_killed_under_one_configuration_goes_on_under_another(
    floor: Floor, config: Path, start: Callable[[], Running]
) -> None:
    first = start()
    await eventually(lambda: counted(floor), equals=floor.expected, within_seconds=START_SECONDS)
    before = floor.total()
    floor.log_calls(20 * CALLS)
    await eventually(lambda: floor.total() > before, within_seconds=START_SECONDS, every_seconds=0.01)
    first.kill()
    edit(config / "people.yaml", REP_7, NEWCOMER_KNOWN)
    start()
    moved = named(floor.expected, "rep7", "newcomer")
    await eventually(lambda: (counted(floor), floor.parked()), equals=(moved, {}), within_seconds=START_SECONDS)
