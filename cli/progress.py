"""Progress of a long command: a bar with rate and time left on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

REDRAW_SECONDS = 0.1
LINE_SECONDS = 5.0
SMOOTHING = 0.2


class Phase:
    """One part of the work. ``at`` may be called as often as one likes, from any thread."""

    def __init__(self, name: str, total: int, unit: str) -> None:
        self._name = name
        self._total = total
        self._unit = unit
        self._began = self._shown = time.monotonic()
        self._counted = 0
        self._rate: float | None = None

    def at(self, done: int, counted: int) -> None:
        """``done`` of the total is through; ``counted`` of the unit were met so far."""
        now = time.monotonic()
        if now - self._shown >= self._interval:
            rate = (counted - self._counted) / (now - self._shown)
            self._rate = rate if self._rate is None else self._rate + SMOOTHING * (rate - self._rate)
            self._shown, self._counted = now, counted
            self._show(done, counted)

    @property
    def _interval(self) -> float:
        raise NotImplementedError

    def _show(self, done: int, counted: int) -> None:
        raise NotImplementedError

    def _pace(self, counted: int) -> str:
        return f"{counted:,} {self._unit}, {self._rate or 0:,.0f}/s"


class _Bar(Phase):
    """On a terminal."""

    _interval = REDRAW_SECONDS

    def __init__(self, name: str, total: int, unit: str, *, bars: Progress, task: TaskID) -> None:
        super().__init__(name, total, unit)
        self._bars = bars
        self._task = task

    def _show(self, done: int, counted: int) -> None:
        self._bars.update(self._task, completed=done, pace=self._pace(counted))


class _Lines(Phase):
    """Where nobody watches."""

    _interval = LINE_SECONDS

    def __init__(self, name: str, total: int, unit: str, *, console: Console) -> None:
        super().__init__(name, total, unit)
        self._console = console

    def _show(self, done: int, counted: int) -> None:
        share = done / self._total if self._total else 1.0
        took = time.monotonic() - self._began
        left = f", {took / share - took:.0f} s left" if 0 < share < 1 else ""
        self._console.print(f"{self._name}: {share:.0%}, {self._pace(counted)}{left}")


@contextmanager
def phase(console: Console, name: str, total: int, unit: str) -> Iterator[Phase]:
    """Shows a part of the work while the block runs; ``unit`` is what is counted: events."""
    if not console.is_terminal:
        yield _Lines(name, total, unit, console=console)
        return
    columns: tuple[ProgressColumn, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[pace]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        yield _Bar(name, total, unit, bars=bars, task=bars.add_task(name, total=total, pace=""))
