"""When a process that died is started again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.up.restarts import (
    EXIT_SETTINGS,
    EXIT_TOO_MUCH_POISON,
    LONGEST_SECONDS,
    Action,
    Restarts,
    after_exit,
    back_off,
    decide,
)
from services.aggregator.adapters import process_end
from shared import settings


@pytest.mark.parametrize(("failures", "seconds"), [(1, 0.5), (2, 1.0), (3, 2.0), (7, 30.0)])
def test_the_wait_doubles(failures: int, seconds: float) -> None:
    assert back_off(failures) == seconds


@given(st.integers(min_value=1, max_value=10**9))
def test_the_wait_has_a_limit(failures: int) -> None:
    assert back_off(failures) <= LONGEST_SECONDS


def test_a_failure_soon_after_the_start_counts_on() -> None:
    assert after_exit(Restarts(failures=2), ran_seconds=3, now=100.0) == Restarts(3, 102.0)


def test_a_failure_after_a_healthy_while_is_the_first() -> None:
    assert after_exit(Restarts(failures=6), ran_seconds=61, now=100.0) == Restarts(1, 100.5)


def test_who_was_killed_when_it_was_well_has_not_failed() -> None:
    restarts = after_exit(Restarts(failures=6), ran_seconds=3, now=100.0, was_ready=True, exit_code=-9)
    assert restarts == Restarts(1, 100.5)


@pytest.mark.parametrize(("was_ready", "exit_code"), [(False, -9), (True, 1), (False, 1)])
def test_whoever_else_ends_soon_has(*, was_ready: bool, exit_code: int) -> None:
    restarts = after_exit(Restarts(failures=2), ran_seconds=3, now=100.0, was_ready=was_ready, exit_code=exit_code)
    assert restarts == Restarts(3, 102.0)


def test_a_worker_that_waits_for_a_person_is_tried_again_seldom() -> None:
    assert after_exit(Restarts(), ran_seconds=3, now=100.0, exit_code=EXIT_TOO_MUCH_POISON).due == 100 + LONGEST_SECONDS


def test_the_exit_codes_are_those_of_the_services() -> None:
    assert (EXIT_SETTINGS, EXIT_TOO_MUCH_POISON) == (settings.EXIT_SETTINGS, process_end.EXIT_TOO_MUCH_POISON)


@pytest.mark.parametrize(
    ("exit_code", "waiting", "ever_ready", "now", "action"),
    [
        (None, False, True, 0.0, Action.LEAVE),
        (1, False, True, 0.0, Action.RECORD_EXIT),
        (-9, False, False, 0.0, Action.RECORD_EXIT),
        (0, False, True, 0.0, Action.RECORD_EXIT),
        (1, True, True, 9.9, Action.LEAVE),
        (1, True, True, 10.0, Action.START),
        (EXIT_SETTINGS, False, False, 0.0, Action.GIVE_UP),
        (EXIT_SETTINGS, False, True, 0.0, Action.RECORD_EXIT),
    ],
)
def test_what_is_done_about_a_process(
    *, exit_code: int | None, waiting: bool, ever_ready: bool, now: float, action: Action
) -> None:
    assert decide(exit_code, Restarts(1, 10.0), waiting=waiting, ever_ready=ever_ready, now=now) is action
