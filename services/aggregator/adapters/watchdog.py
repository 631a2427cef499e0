"""Ends a worker that hangs, from a thread of its own, so that its partitions move to one that does not.

Faust and aiokafka can wedge without an error; the clocks here are the ones that proved right under injected
faults (ADR 0003). A clock belongs to a sign of life: it starts again whenever the sign changes.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

STALL_SECONDS = 30.0
REBALANCE_SECONDS = 60.0
LOOP_SECONDS = 10.0
START_SECONDS = 90.0
STOP_SECONDS = 20.0
TICK_SECONDS = 0.5
PAUSED_SECONDS = 5.0
"""A tick that took longer: this process was stopped itself, and old clocks say nothing."""
CONNECT_SECONDS = 2.0


class Observed(Protocol):
    """A worker as the watchdog sees it. Read from another thread: plain values, no awaiting."""

    beat: float | None
    """Monotonic time of the main loop's last turn; None before its first."""

    def stopping(self) -> bool:
        """Whether the shutdown has begun."""
        ...

    def rebalancing(self) -> bool:
        """Whether a rebalance is under way."""
        ...

    def signs(self) -> Mapping[str, Any]:
        """Signs of life that must change within STALL_SECONDS, by what their standstill means."""
        ...


class Watchdog:
    """Clocks over signs of life. ``check`` is one tick; ``start`` ticks in a daemon thread."""

    def __init__(
        self,
        worker: Observed,
        *,
        reachable: Callable[[], bool],
        end: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._worker = worker
        self._reachable = reachable
        self._end = end
        self._monotonic = monotonic
        self._born = self._last = monotonic()
        self._clocks: dict[str, tuple[Any, float]] = {}

    def start(self) -> None:
        """Begins to watch."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(TICK_SECONDS)
            try:
                self.check()
            except Exception as error:  # noqa: BLE001 - a watchdog that dies quietly is worse than none
                self._end(f"watchdog failed: {error!r}")

    def check(self) -> None:
        """Looks once; ends the process if something stands still that should not."""
        now = self._monotonic()
        if now - self._last > PAUSED_SECONDS:
            self._clocks.clear()
        self._last = now
        worker = self._worker
        if worker.stopping():
            self._watch("shutdown hangs", "stopping", STOP_SECONDS, excuse=False)
        elif worker.beat is None:
            if now - self._born > START_SECONDS and self._reachable():
                self._end("start hangs")
        else:
            self._watch("event loop silent", worker.beat, LOOP_SECONDS)
            self._watch("rebalance hangs", worker.rebalancing() or now, REBALANCE_SECONDS)
            for meaning, sign in worker.signs().items():
                self._watch(meaning, sign, STALL_SECONDS)

    def _watch(self, meaning: str, sign: object, limit: float, *, excuse: bool = True) -> None:
        was, since = self._clocks.setdefault(meaning, (sign, self._last))
        if was != sign:
            self._clocks[meaning] = sign, self._last
        elif self._last - since > limit:
            if excuse and not self._reachable():  # an outage must not restart every worker
                self._clocks.clear()
            else:
                self._end(meaning)


def all_reachable(addresses: Iterable[tuple[str, int]]) -> bool:
    """Whether every address takes a connection. Blocks for seconds at most."""
    for address in addresses:
        try:
            socket.create_connection(address, CONNECT_SECONDS).close()
        except OSError:
            return False
    return True
