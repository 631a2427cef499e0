"""Which lines of a service's log reach the console."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.up.log_watch import QUIET_SECONDS, Complaint, LogTail, Repeats, complaint

REFUSED = Complaint("warning", "delivery_refused", "source=hubspot")


def test_a_warning_shows_with_its_fields() -> None:
    line = b'{"level":"warning","event":"delivery_refused","service":"ingest","timestamp":"x","source":"hubspot"}'
    assert complaint(line) == REFUSED


@pytest.mark.parametrize("line", [b'{"level":"info","event":"started"}', b"Traceback", b"[1]", b""])
def test_other_lines_do_not(line: bytes) -> None:
    assert complaint(line) is None


def test_a_complaint_is_one_line() -> None:
    assert str(REFUSED) == "warning: delivery_refused (source=hubspot)"


def test_a_repeat_within_a_minute_is_no_news() -> None:
    repeats = Repeats()
    assert [repeats.is_news("ingest", REFUSED, now=now) for now in (0.0, 1.0, QUIET_SECONDS)] == [True, False, True]


def test_the_same_of_another_service_is_news() -> None:
    repeats = Repeats()
    assert [repeats.is_news(who, REFUSED, now=0.0) for who in ("ingest", "api")] == [True, True]


def test_an_unfinished_line_waits(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    tail = LogTail(log)
    log.write_text("one\ntw")
    assert tail.new_lines() == [b"one"]
    log.write_text("one\ntwo\n")
    assert tail.new_lines() == [b"two"]


def test_what_was_there_before_is_old(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("old\n")
    assert LogTail(log).new_lines() == []
