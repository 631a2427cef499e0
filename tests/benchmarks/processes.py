"""Ingest with two processes against one, by processor time: the machine may be too small to show it by the clock.

Both work at the same load a process, since one that is waited for more often works in larger, cheaper batches. The
capacity of several is where the busiest of them has used up its processor, so that badly shared work counts too.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median
from typing import Any

from cli.up.free_ports import free_ports
from tests.benchmarks.ingest import CONNECTIONS, WARM_UP_SECONDS
from tests.benchmarks.processor_time import processor_seconds
from tests.benchmarks.report import Row
from tests.benchmarks.stand import Stand, answers, until
from tests.benchmarks.webhook_requests import Plan

PROCESSES = 2
WANTED_GAIN = 1.7
LOAD = 0.35
"""Of what one process can do: several at once leave some of two processors to Kafka and the client."""


class Measured:
    """A running ingest, and what its serving processes use."""

    def __init__(self, stand: Stand, processes: int) -> None:
        self._stand = stand
        self.name = f"ingest-{processes}"
        self.port = free_ports(1)[0]
        environment = {"PACER_HTTP__PORT": str(self.port), "PACER_HTTP__PROCESSES": str(processes)}
        child = stand.start(self.name, [sys.executable, "-m", "services.ingest"], **environment)
        until(lambda: answers(f"http://127.0.0.1:{self.port}/readyz"), child.last_words)
        pid = stand.pid(self.name)
        self.pids = [pid] if processes == 1 else children(pid)

    def saturated(self, seconds: float) -> float:
        """Requests a second with every connection busy."""
        found = self._load(seconds, rate=0)
        return float(found["requests"] / found["seconds"])

    def round(self, seconds: float, rate: float) -> tuple[float, float, int]:
        """Microseconds a request of all processes together, and of the busiest; answers other than 202."""
        before = [processor_seconds(pid) for pid in self.pids]
        found = self._load(seconds, rate=rate)
        used = [processor_seconds(pid) - began for pid, began in zip(self.pids, before, strict=True)]
        requests = found["requests"]
        return sum(used) / requests * 1e6, max(used) / requests * 1e6, sum(found["failures"].values())

    def _load(self, seconds: float, *, rate: float) -> dict[str, Any]:
        secret = self._stand.secret("native")
        return self._stand.load(
            Plan(port=self.port, connections=CONNECTIONS, seconds=seconds, secret=secret, rate=rate)
        )


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def run(stand: Stand, *, quick: bool) -> list[Row]:
    """Short rounds in turns."""
    seconds, rounds = (3.0, 3) if quick else (4.0, 9)
    one, several = Measured(stand, 1), Measured(stand, PROCESSES)
    several.saturated(WARM_UP_SECONDS)
    load = LOAD * one.saturated(WARM_UP_SECONDS)
    pairs = [(one.round(seconds, load), several.round(seconds, PROCESSES * load)) for _ in range(rounds)]
    gains = sorted(alone[0] / shared[1] for alone, shared in pairs)
    ideal = sorted(PROCESSES * alone[0] / shared[0] for alone, shared in pairs)
    failures = sum(each[2] for pair in pairs for each in pair)
    return [
        Row(
            what=f"processor time a request, {PROCESSES} processes against one",
            value=median(shared[0] for _, shared in pairs),
            unit="us",
            baseline=median(alone[0] for alone, _ in pairs),
        ),
        Row(
            what=f"capacity of {PROCESSES} processes, of one ({gains[0]:.2f} to {gains[-1]:.2f})",
            value=median(gains),
            unit="",
            wanted=f">= {WANTED_GAIN}",
            met=median(gains) >= WANTED_GAIN,
        ),
        Row(what="the same, were all connections shared evenly", value=median(ideal), unit=""),
        Row(what="answers other than 202", value=failures, unit="", wanted="0", met=failures == 0),
    ]
