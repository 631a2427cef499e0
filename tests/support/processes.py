"""Starts the project's commands as child processes with their output captured, and always cleans up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


class Running:
    """A child process; stdout and stderr go to one file, which ``output`` reads at any time."""

    def __init__(self, command: list[str], output: Path, environment: Mapping[str, str]) -> None:
        self._path = output
        with output.open("wb") as sink:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                cwd=PROJECT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid

    @property
    def output(self) -> str:
        """All that it has printed so far."""
        return self._path.read_text(errors="replace")

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Sends a signal to this process alone."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """Kill -9, and waits until it is gone."""
        self.process.kill()
        self.process.wait()

    def wait(self, within_seconds: float = 30.0) -> int:
        """The exit code. Raises: AssertionError with the output when it still runs."""
        try:
            return self.process.wait(within_seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {within_seconds:g} s:\n{self.output[-3000:]}") from None


class Processes:
    """Starts Python modules of the project; ends whatever is left when the test is over."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._started: list[Running] = []

    def start(self, module: str, *arguments: str, env: Mapping[str, str] | None = None) -> Running:
        """Runs ``python -m module arguments`` with ``env`` on top of this environment."""
        log = self._directory / f"{len(self._started)}-{module}.log"
        running = Running([sys.executable, "-m", module, *arguments], log, env or {})
        self._started.append(running)
        return running

    def end_all(self) -> None:
        """Asks the ones that still run to end, then kills them."""
        alive = [each for each in self._started if each.process.poll() is None]
        for each in alive:
            each.signal(signal.SIGTERM)
        for each in alive:
            try:
                each.process.wait(10)
            except subprocess.TimeoutExpired:
                each.kill()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Starts processes that end with the test."""
    started = Processes(tmp_path)
    yield started
    started.end_all()
