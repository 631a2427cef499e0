"""Brings a part back when it ends, a step a tick: nobody else is held up while it waits or starts."""

from __future__ import annotations

import asyncio
from enum import StrEnum

from cli.up.backends import Part, without_password
from cli.up.report import Report
from cli.up.restarts import Restarts, after_exit

PART_READY_SECONDS = 60.0


class PartState(StrEnum):
    """Where a part stands."""

    READY = "ready"
    WAITING = "waiting"
    """It ended; its next start is not due yet."""
    STARTING = "starting"


class KeptPart:
    """A part that was ready once. Times are monotonic seconds."""

    def __init__(self, part: Part, report: Report, now: float) -> None:
        self.part = part
        self.state = PartState.READY
        self._report = report
        self._started = now
        self._restarts = Restarts()

    async def keep(self, now: float) -> bool:
        """Does what is due; True when it has just come back."""
        if self.state is PartState.WAITING:
            self._start_when_due(now)
        elif not self.part.running:
            self._record_exit(now)
        elif self.state is PartState.STARTING:
            return await self._look(now)
        return False

    def _record_exit(self, now: float) -> None:
        was_ready, ran_seconds = self.state is PartState.READY, now - self._started
        self._restarts = after_exit(
            self._restarts, ran_seconds=ran_seconds, now=now, was_ready=was_ready, exit_code=self.part.exit_code
        )
        self.state = PartState.WAITING
        self._report.problem(f"{self.part.name} ended; starts again in {self._restarts.due - now:g} s")

    def _start_when_due(self, now: float) -> None:
        if now >= self._restarts.due:
            self._report.note(f"waiting for {self.part.name}")
            self.part.launch()
            self.state, self._started = PartState.STARTING, now

    async def _look(self, now: float) -> bool:
        if await asyncio.to_thread(self.part.ready):
            self.state = PartState.READY
            self._report.note(f"{self.part.name} is back at {without_password(self.part.address)}")
            return True
        if now - self._started > PART_READY_SECONDS:
            self._report.problem(f"{self.part.name} did not start:\n{self.part.last_words()}")
            self.part.kill()  # the next tick finds that it ended
        return False
