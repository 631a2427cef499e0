"""Holes in the offsets: where they are cut, and when they are believed."""

from __future__ import annotations

import pytest
from faust.types import TP
from msgspec import Struct

from services.aggregator.adapters.chunk_cutting import Holes, consecutive, first_hole
from shared.contracts.topics import CRM_EVENTS

PARTITION = TP(CRM_EVENTS, 0)


class Record(Struct):
    offset: int


def part(*offsets: int) -> list[Record]:
    return [Record(offset) for offset in offsets]


@pytest.mark.parametrize(
    ("offsets", "runs"),
    [
        ((), [[]]),
        ((3, 4, 5), [[3, 4, 5]]),
        ((3, 5, 6, 9), [[3], [5, 6], [9]]),
    ],
)
def test_a_part_is_cut_at_its_holes(offsets: tuple[int, ...], runs: list[list[int]]) -> None:
    assert [[record.offset for record in run] for run in consecutive(part(*offsets))] == runs


@pytest.mark.parametrize(
    ("position", "offsets", "hole"),
    [(3, (3, 4), None), (2, (3, 4), 2), (3, (3, 5), 4), (3, (), 3)],
)
def test_the_first_offset_without_a_record_is_found(position: int, offsets: tuple[int, ...], hole: int | None) -> None:
    assert first_hole(position, part(*offsets)) == hole


def test_a_hole_is_believed_when_it_is_found_again() -> None:
    holes = Holes()
    assert [holes.follows(PARTITION, 3, part(5)) for _ in range(2)] == [False, True]


def test_another_hole_is_not_the_same() -> None:
    holes = Holes()
    holes.follows(PARTITION, 3, part(5))
    assert not holes.follows(PARTITION, 4, part(5))


def test_within_one_fetch_holes_are_believed_once_there_are_any() -> None:
    holes = Holes()
    found = [holes.follows(PARTITION, 3, part(3, 5)), holes.follows(PARTITION, 3, part(3, 5))]
    assert [*found, holes.follows(PARTITION, 6, part(6, 8))] == [False, True, True]


def test_a_fetch_that_begins_behind_a_hole_is_always_asked_for_again() -> None:
    holes = Holes()
    for _ in range(2):
        holes.follows(PARTITION, 3, part(5))
    assert not holes.follows(PARTITION, 6, part(8))


def test_records_before_the_position_never_follow() -> None:
    holes = Holes()
    assert not any(holes.follows(PARTITION, 6, part(5, 6)) for _ in range(3))


def test_without_a_position_nothing_follows() -> None:
    assert not Holes().follows(PARTITION, None, part(5))
