"""A source against its own habit at this hour of the week."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from services.api.domain.source_rhythm import HourlyCounts, Rhythm, RhythmState, hours_asked, rhythm
from shared.domain.instants import HOUR_US, parse

ZONE = "Europe/Berlin"
NOW = parse("2026-11-23T10:20:00Z")
"""A Monday, 11:20 in Berlin: the last full hour began at 10:00 there."""


def hour(at: str) -> int:
    return parse(at) // HOUR_US


def counts(*weeks: int, last: int = 0) -> HourlyCounts:
    """``weeks``: events in the same hour, the latest week first."""
    days = ("2026-11-16", "2026-11-09", "2026-11-02", "2026-10-26")
    found = {hour(f"{day}T09:00:00Z"): count for day, count in zip(days, weeks, strict=False)}
    found |= {hour(f"{day}T15:00:00Z"): 1 for day, _ in zip(days, weeks, strict=False)}
    return HourlyCounts(found | {hour("2026-11-23T09:00:00Z"): last})


def found(of: HourlyCounts) -> Rhythm:
    return rhythm(of, NOW, ZONE)


@pytest.mark.parametrize(
    ("of", "state"),
    [
        (counts(100, 90, 110, 100, last=95), RhythmState.USUAL),
        (counts(100, 90, 110, 100, last=0), RhythmState.QUIET),
        (counts(100, 90, 110, 100, last=40), RhythmState.QUIET),
        (counts(100, 90, 110, 100, last=60), RhythmState.USUAL),
        (counts(100, 90, 110, 100, last=300), RhythmState.BUSY),
        (counts(2, 3, 2, 1, last=0), RhythmState.USUAL),
        (counts(7, 8, 9, 7, last=0), RhythmState.QUIET),
        (counts(7, 8, 9, 7, last=1), RhythmState.USUAL),
        (counts(0, 0, 0, 0, last=2), RhythmState.USUAL),
        (counts(0, 0, 0, 0, last=50), RhythmState.BUSY),
        (counts(100, last=0), RhythmState.UNKNOWN),
        (HourlyCounts(), RhythmState.UNKNOWN),
    ],
)
def test_the_state_of_an_hour(of: HourlyCounts, state: RhythmState) -> None:
    assert found(of).state is state


def test_usual_is_the_median_of_the_weeks_that_are_known() -> None:
    assert (found(counts(10, 30, 20, last=12)).rate, found(counts(10, 30, 20)).usual) == (12, 20)


def test_the_hour_is_that_of_the_clock_on_the_wall() -> None:
    before_the_change = hour("2026-10-19T08:00:00Z")
    monday_ten = parse("2026-11-02T10:20:00Z")
    received: Mapping[int, int] = {before_the_change: 40, hour("2026-10-26T09:00:00Z"): 60}
    assert rhythm(HourlyCounts(received), monday_ten, ZONE).usual == 50


def test_every_hour_that_is_looked_at_is_asked_for() -> None:
    asked = hours_asked(NOW, ZONE)
    assert set(counts(1, 1, 1, 1).received) <= asked
    assert {NOW // HOUR_US - 24, NOW // HOUR_US} <= asked
