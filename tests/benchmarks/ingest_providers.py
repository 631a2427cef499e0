"""Each provider's deliveries, signed: how many one process takes, and how long they take at half of that.

How many is by the clock or, where client and broker leave the process less than a processor of its own, by the
processor time that it takes for one, whichever is more.
"""

from __future__ import annotations

import sys
from statistics import median
from typing import Any

from cli.up.free_ports import free_ports
from services.ingest.providers.registry import PROVIDERS
from tests.benchmarks.processor_time import Meter
from tests.benchmarks.report import Row
from tests.benchmarks.stand import Stand, answers, until
from tests.benchmarks.webhook_requests import Plan
from tests.fuzz.live import configuration_in

CONNECTIONS = 32
WANTED_P99_MS = 50.0
NAME = "ingest-providers"


def run(stand: Stand, *, quick: bool) -> list[Row]:
    """One ingest with a source of each provider; of the rounds at half of what it takes the median counts."""
    seconds, rounds = (2.0, 3) if quick else (4.0, 5)
    port = _start(stand)
    _load(stand, port, "native", seconds)
    found = [_Measured(stand, port, provider, seconds, rounds) for provider in PROVIDERS]
    failures = sum(each.failures for each in found)
    return [
        *(each.row() for each in found),
        Row(what="of all providers: answers other than 2xx", value=failures, unit="", wanted="0", met=failures == 0),
    ]


def _start(stand: Stand) -> int:
    """A process of its own, with every provider's source in its configuration; its port."""
    port, directory = free_ports(1)[0], stand.directory / NAME
    directory.mkdir()
    environment = configuration_in(directory / "acme") | {
        "PACER_CONFIG_DIR": str(directory / "acme"),
        "PACER_HTTP__PORT": str(port),
        "PACER_SPOOL__DIR": str(directory / "spool"),
    }
    child = stand.start(NAME, [sys.executable, "-m", "services.ingest"], **environment)
    until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), child.last_words)
    return port


class _Measured:
    """What was found of one provider."""

    def __init__(self, stand: Stand, port: int, provider: str, seconds: float, rounds: int) -> None:
        self._provider = provider
        _load(stand, port, provider, seconds / 2)
        meter = Meter([stand.pid(NAME)])
        busy = _load(stand, port, provider, seconds)
        self._cost = meter.used(stand.pid(NAME)) / busy["requests"] * 1e6
        self._most = max(busy["requests"] / busy["seconds"], 1e6 / self._cost)
        halves = [_load(stand, port, provider, seconds, rate=self._most / 2) for _ in range(rounds)]
        self._p50 = median(half["p50_ms"] for half in halves)
        self._p99 = median(half["p99_ms"] for half in halves)
        self.failures = sum(sum(found["failures"].values()) for found in (busy, *halves))

    def row(self) -> Row:
        """The limit is wanted of the slowest percent."""
        most = f"half of {self._most:,.0f}/s ({self._cost:.0f} us each)"
        return Row(
            what=f"{self._provider}: p99 (p50 {self._p50:.1f} ms) at {most}",
            value=self._p99,
            unit="ms",
            wanted=f"< {WANTED_P99_MS:.0f} ms",
            met=self._p99 < WANTED_P99_MS,
        )


def _load(stand: Stand, port: int, provider: str, seconds: float, *, rate: float = 0) -> dict[str, Any]:
    plan = Plan(port=port, connections=CONNECTIONS, seconds=seconds, secret="", rate=rate, provider=provider)
    return stand.load(plan)
