"""How much is still to be applied."""

from __future__ import annotations

from cli.up.drain import lag

EPOCH_1 = 1 << 40


def test_what_no_offset_covers_is_all_missing() -> None:
    assert lag([5, 0], [None, None]) == 5


def test_an_applied_log_has_no_lag() -> None:
    assert lag([5, 3], [b"5", b"3"]) == 0


def test_one_partition_ahead_does_not_hide_another() -> None:
    assert lag([5, 3], [b"9", b"1"]) == 2


def test_a_position_of_an_earlier_log_covers_nothing_of_this_one() -> None:
    assert lag([5], [b"400"], begun=EPOCH_1) == 5


def test_a_position_of_this_log_counts_from_its_start() -> None:
    assert lag([5], [str(EPOCH_1 + 4).encode()], begun=EPOCH_1) == 1
