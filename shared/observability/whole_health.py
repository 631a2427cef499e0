"""Whether a service of several processes is ready: each writes down what it depends on, whoever is asked reads all."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from shared.observability.health import DependencyState, Health
from shared.observability.workers import Worker

PUBLISH_SECONDS = 1.0
STALE_SECONDS = 10.0
"""A check may take three seconds."""
NEVER = float("inf")


class WorkerState(Struct, frozen=True):
    """What a worker said of itself, and when by the machine's monotonic clock, in seconds."""

    pid: int
    at: float
    states: dict[str, DependencyState]


_decode = msgspec.json.Decoder(WorkerState).decode


def state_file(directory: Path, index: int) -> Path:
    """Where a worker writes down its state."""
    return directory / f"state-{index}.json"


def silent_for(directory: Path, index: int) -> float:
    """Seconds since a worker last wrote; for ever, if it never did."""
    state = _read(directory, index)
    return NEVER if state is None else time.monotonic() - state.at


def read_state(directory: Path, index: int) -> WorkerState | None:
    """What a worker wrote lately, or None."""
    state = _read(directory, index)
    return state if state is not None and time.monotonic() - state.at <= STALE_SECONDS else None


def _read(directory: Path, index: int) -> WorkerState | None:
    try:
        return _decode(state_file(directory, index).read_bytes())
    except (OSError, msgspec.DecodeError):
        return None


class WholeHealth(Health):
    """The health of all workers; checks are registered as with one process. ``publish`` must be running."""

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self._worker = worker

    async def states(self) -> dict[str, DependencyState]:
        """A dependency is ready when it is for every worker; ``processes`` says how many there are."""
        own = await super().states()
        others = [read_state(self._worker.directory, index) for index in self._others()]
        return merged(own, [None if each is None else each.states for each in others])

    def _others(self) -> list[int]:
        return [index for index in range(self._worker.count) if index != self._worker.index]

    async def publish(self) -> None:
        """Writes down this worker's state, for ever."""
        path = state_file(self._worker.directory, self._worker.index)
        while True:
            states = await super().states()
            state = WorkerState(os.getpid(), time.monotonic(), states)
            fresh = path.with_suffix(".new")
            fresh.write_bytes(msgspec.json.encode(state))
            fresh.replace(path)
            await asyncio.sleep(PUBLISH_SECONDS)


def merged(
    own: dict[str, DependencyState], others: list[dict[str, DependencyState] | None]
) -> dict[str, DependencyState]:
    """One state a dependency: this worker's, or the first that is not ready. None: a worker that is not there."""
    there = [each for each in others if each is not None]
    found = {
        name: next((state for each in there if not (state := each.get(name, mine)).ready), mine) if mine.ready else mine
        for name, mine in own.items()
    }
    processes = DependencyState(ready=len(there) == len(others), state=f"{1 + len(there)} of {1 + len(others)}")
    return found | {"processes": processes}
