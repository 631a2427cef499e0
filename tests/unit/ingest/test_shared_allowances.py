"""What a source may still send is the same whichever process is asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.ingest.adapters import shared_allowances
from services.ingest.adapters.shared_allowances import SharedAllowances
from services.ingest.domain.allowance import Allowance, LocalAllowance, TurnedAway
from services.ingest.domain.refusals import RefusalReason
from shared.domain.instants import SECOND_US
from shared.domain.sources import Limits, Source

FULL = TurnedAway(RefusalReason.TOO_MANY_AT_ONCE, 1)
NOW = 1_000 * SECOND_US


def source(source_id: str = "crm", **limits: float) -> Source:
    return Source(id=source_id, tenant="acme", provider="native", secrets=(), limits=Limits(**limits))  # type: ignore[arg-type]


@pytest.fixture
def workers(tmp_path: Path) -> list[SharedAllowances]:
    return [SharedAllowances(tmp_path / "allowances", index=index, count=2) for index in range(2)]


def of_both(workers: list[SharedAllowances], **limits: float) -> list[Allowance]:
    return [worker.of(source(**limits), NOW) for worker in workers]


def test_places_are_counted_over_all(workers: list[SharedAllowances]) -> None:
    one, two = of_both(workers, max_concurrent=2)
    assert [one.enter(NOW), two.enter(NOW), one.enter(NOW), two.enter(NOW)] == [None, None, FULL, FULL]
    two.leave()
    assert one.enter(NOW) is None


def test_tokens_are_counted_over_all(workers: list[SharedAllowances]) -> None:
    one, two = of_both(workers, requests_per_second=1, burst=3)
    turned = TurnedAway(RefusalReason.RATE_LIMITED, 1)
    assert [each.enter(NOW) for each in (one, two, one, two)] == [None, None, None, turned]
    assert [each.enter(NOW + SECOND_US) for each in (two, one)] == [None, turned]


def test_clocks_slightly_apart_make_no_tokens(workers: list[SharedAllowances]) -> None:
    one, two = of_both(workers, requests_per_second=1000, burst=10)
    passed = 0
    for step in range(1000):
        at = NOW + step
        passed += one.enter(at + 500) is None
        passed += two.enter(at) is None
    assert passed <= 10 + 1000 * 1500 / SECOND_US


def test_sources_are_apart(workers: list[SharedAllowances]) -> None:
    assert workers[0].of(source("a", burst=1), NOW).enter(NOW) is None
    assert workers[1].of(source("b", burst=1), NOW).enter(NOW) is None


def test_what_a_dead_worker_held_is_free_when_its_successor_starts(
    workers: list[SharedAllowances], tmp_path: Path
) -> None:
    one, two = of_both(workers, max_concurrent=2)
    one.enter(NOW)
    two.enter(NOW)
    successor = SharedAllowances(tmp_path / "allowances", index=0, count=2).of(source(max_concurrent=2), NOW)
    assert [successor.enter(NOW), successor.enter(NOW)] == [None, FULL]


def test_a_successor_finds_the_tokens_as_they_were_left(workers: list[SharedAllowances], tmp_path: Path) -> None:
    of_both(workers, burst=1)[0].enter(NOW)
    successor = SharedAllowances(tmp_path / "allowances", index=0, count=2).of(source(burst=1), NOW)
    assert successor.enter(NOW) is not None


def test_a_source_that_is_configured_again_has_who_is_still_in(workers: list[SharedAllowances]) -> None:
    before = workers[0].of(source(max_concurrent=2), NOW)
    before.enter(NOW)
    after = workers[0].of(source(max_concurrent=2), NOW)
    assert [after.enter(NOW), after.enter(NOW)] == [None, FULL]
    before.leave()
    assert after.enter(NOW) is None


def test_new_limits_hold_at_once(workers: list[SharedAllowances]) -> None:
    one, two = of_both(workers, burst=100)
    for each in (one, two):
        each.limit(Limits(burst=1))
    assert [one.enter(NOW) is None, two.enter(NOW) is None] == [True, False]


def test_more_sources_than_fit_have_a_part_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_allowances, "SLOTS", 1)
    worker = SharedAllowances(tmp_path / "allowances", index=0, count=2)
    worker.of(source("first"), NOW)
    second = worker.of(source("second", max_concurrent=4), NOW)
    assert isinstance(second, LocalAllowance)
    assert [second.enter(NOW) for _ in range(3)] == [None, None, FULL]


def test_processes_that_run_at_once_never_pass_more_than_the_burst(tmp_path: Path) -> None:
    path, tries, burst = tmp_path / "allowances", 3000, 1000
    SharedAllowances(path, index=0, count=3)
    children = []
    for index in range(3):
        pid = os.fork()
        if pid == 0:  # no test framework from here on
            code = 1
            try:
                allowance = SharedAllowances(path, index=index, count=3).of(
                    source(burst=burst, requests_per_second=1e-6, max_concurrent=100_000), NOW
                )
                passed = sum(allowance.enter(NOW) is None for _ in range(tries))
                (tmp_path / f"passed-{index}").write_text(str(passed))
                code = 0
            finally:
                os._exit(code)
        children.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0, 0, 0]
    passed = [int((tmp_path / f"passed-{index}").read_text()) for index in range(3)]
    assert sum(passed) == burst, passed
