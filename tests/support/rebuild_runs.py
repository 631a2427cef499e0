"""Runs of ``pacer rebuild`` as a process, and calls that arrive meanwhile."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.aggregator_floor import Floor, Sums
from tests.support.processes import Processes, Running


def start_rebuild(floor: Floor, processes: Processes, *arguments: str) -> Running:
    """Begins one."""
    return processes.start("cli.main", "rebuild", *arguments, env=floor.environment)


def rebuilt(floor: Floor, processes: Processes, *arguments: str) -> dict[str, Any]:
    """Runs one to its end; what it says of differences."""
    run = start_rebuild(floor, processes, "--json", *arguments)
    code = run.wait(120)
    assert code in {0, 3}, run.output
    told: dict[str, Any] = json.loads(run.output[run.output.index("{") : run.output.rindex("}") + 1])
    return told


@contextmanager
def calls_arriving(floor: Floor, a_second: int) -> Iterator[None]:
    """Logs calls all the time; at the end all that were logged are at the broker."""
    ended = threading.Event()

    def produce() -> None:
        while not ended.wait(0.1):
            floor.log_calls(a_second // 10)

    thread = threading.Thread(target=produce)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class Watched:
    """Looks at the numbers all the time; ``went_back`` are those that were greater before."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self.went_back: list[tuple[str, int, int]] = []
        self.looks = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While the block runs."""
        ended = threading.Event()
        thread = threading.Thread(target=self._watch, args=(ended,))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _watch(self, ended: threading.Event) -> None:
        known: Sums = {}
        versions: dict[str, int] = {}
        while not ended.is_set():
            found, told = self._floor.counted(), self._floor.versions()
            self.went_back += [(rep, was[0], found[rep][0]) for rep, was in known.items() if found[rep][0] < was[0]]
            self.went_back += [(f"version {rep}", was, told[rep]) for rep, was in versions.items() if told[rep] < was]
            known, versions = found, told
            self.looks += 1
            time.sleep(0.02)
