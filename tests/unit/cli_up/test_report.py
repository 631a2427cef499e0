"""What the console shows where it is no terminal."""

from __future__ import annotations

from cli.up.report import Row
from tests.support.fake_system import recording_report


def test_one_line_a_process() -> None:
    report, written = recording_report()
    report.table([Row("ingest", "ready", "http://127.0.0.1:8081", 7, "data/logs/ingest.log")])
    assert written.getvalue().split() == [
        "ingest",
        "ready",
        "http://127.0.0.1:8081",
        "pid",
        "7",
        "data/logs/ingest.log",
    ]


def test_the_ready_line_begins_with_ready() -> None:
    report, written = recording_report()
    report.ready("after 1 s")
    assert written.getvalue() == "ready after 1 s\n"


def test_brackets_of_a_message_are_not_markup() -> None:
    report, written = recording_report()
    report.problem("[red]x")
    assert written.getvalue() == "[red]x\n"
