"""How much is still to be applied."""

from __future__ import annotations

from cli.up.drain import lag


def test_what_no_offset_covers_is_all_missing() -> None:
    assert lag([(0, 5), (1, 0)], [None, None]) == 5


def test_an_applied_log_has_no_lag() -> None:
    assert lag([(0, 5), (1, 3)], [b"5", b"3"]) == 0


def test_one_partition_ahead_does_not_hide_another() -> None:
    assert lag([(0, 5), (1, 3)], [b"9", b"1"]) == 2
