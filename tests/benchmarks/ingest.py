"""Events through ingest (signed in, acks=all out): singles against a bare FastAPI endpoint, HubSpot's batches, and
every provider's deliveries.
"""

from __future__ import annotations

import socket
from statistics import median
from typing import Any

from cli.up.free_ports import free_ports
from tests.benchmarks import ingest_providers, ingest_shares
from tests.benchmarks.processor_time import Meter
from tests.benchmarks.report import Row
from tests.benchmarks.stand import Stand, until
from tests.benchmarks.webhook_requests import Plan

CONNECTIONS = 64
BATCH_CONNECTIONS = 16
BATCH = 100
WANTED_RATIO = 0.5
WANTED_P99_MS = 50.0
WANTED_EVENTS = 25_000
WARM_UP_SECONDS = 6.0


def run(stand: Stand, *, quick: bool) -> list[Row]:
    """Short rounds in turns, baseline and ours, then ingest at half of its median, then batches."""
    seconds, rounds = (3.0, 3) if quick else (4.0, 9)
    bare, ours = _bare(stand), stand.service("ingest")
    for port in (bare, ours):  # a broker that has just begun, and its compiler, take seconds to get to speed
        _load(stand, port, WARM_UP_SECONDS)
    meter = Meter([stand.pid("bare_endpoint"), stand.pid("ingest")])
    pairs = [(_load(stand, bare, seconds), _load(stand, ours, seconds)) for _ in range(rounds)]
    cost = [
        meter.used(stand.pid(name)) / sum(pair[side]["requests"] for pair in pairs) * 1e6
        for side, name in enumerate(("bare_endpoint", "ingest"))
    ]
    rates = [(_rate(first), _rate(second)) for first, second in pairs]
    half = _load(stand, ours, 2 * seconds, rate=median(second for _, second in rates) / 2)
    batches = _Batches(stand, ours, seconds, rounds)
    return [
        *_singles(rates, cost),
        Row(what="ingest p50 at half of that", value=half["p50_ms"], unit="ms"),
        Row(
            what="ingest p99 at half of that",
            value=half["p99_ms"],
            unit="ms",
            wanted=f"< {WANTED_P99_MS:.0f} ms",
            met=half["p99_ms"] < WANTED_P99_MS,
        ),
        *batches.rows(),
        _failures([*(answer for pair in pairs for answer in pair), half, *batches.rounds]),
        *ingest_providers.run(stand, quick=quick),
        *ingest_shares.run(stand, quick=quick),
    ]


class _Batches:
    """HubSpot's batches through one process, in rounds."""

    def __init__(self, stand: Stand, port: int, seconds: float, rounds: int) -> None:
        _load(stand, port, seconds, batch=BATCH)
        meter = Meter([stand.pid("ingest")])
        self.rounds = [_load(stand, port, seconds, batch=BATCH) for _ in range(rounds)]
        events = BATCH * sum(each["requests"] for each in self.rounds)
        self._cost = meter.used(stand.pid("ingest")) / events * 1e6

    def rows(self) -> list[Row]:
        """By the clock and by processor time, which other work on the machine changes less."""
        rates = sorted(BATCH * _rate(each) for each in self.rounds)
        middle = median(rates)
        return [
            Row(
                what=f"HubSpot's batches of {BATCH}, one process ({rates[0]:,.0f} to {rates[-1]:,.0f})",
                value=middle,
                unit="events/s",
                wanted=f">= {WANTED_EVENTS:,}",
                met=middle >= WANTED_EVENTS,
            ),
            Row(what="processor time an event, all threads", value=self._cost, unit="us"),
            Row(what="so one processor of its own works off", value=1e6 / self._cost, unit="events/s"),
        ]


def _singles(rates: list[tuple[float, float]], cost: list[float]) -> list[Row]:
    ratios = sorted(ours / bare for bare, ours in rates)
    middle = median(ratios)
    return [
        Row(
            what=f"ingest, single events, median of {len(rates)} rounds",
            value=median(ours for _, ours in rates),
            unit="requests/s",
            baseline=median(bare for bare, _ in rates),
        ),
        Row(
            what=f"median of the rounds' ratios ({ratios[0]:.2f} to {ratios[-1]:.2f})",
            value=middle,
            unit="",
            wanted=f">= {WANTED_RATIO}",
            met=middle >= WANTED_RATIO,
        ),
        Row(what="processor time a request", value=cost[1], unit="us", baseline=cost[0]),
    ]


def _failures(answers: list[dict[str, Any]]) -> Row:
    failures = sum(sum(answer["failures"].values()) for answer in answers)
    which = ", ".join(sorted({status for answer in answers for status in answer["failures"]}))
    return Row(what=f"answers other than 202 {which}", value=failures, unit="", wanted="0", met=failures == 0)


def _bare(stand: Stand) -> int:
    port = free_ports(1)[0]
    child = stand.module("bare_endpoint", str(port))
    until(lambda: _listens(port), child.last_words)
    return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _load(stand: Stand, port: int, seconds: float, *, rate: float = 0, batch: int = 0) -> dict[str, Any]:
    """``batch`` 0 sends single native events, else HubSpot's batches of so many."""
    source = "hubspot" if batch else "native"
    plan = Plan(
        port=port,
        connections=BATCH_CONNECTIONS if batch else CONNECTIONS,
        seconds=seconds,
        secret=stand.secret(source),
        rate=rate,
        batch=batch,
        public_url=str(stand.source("hubspot")["public_url"]),
    )
    return stand.load(plan)


def _rate(answer: dict[str, Any]) -> float:
    return float(answer["requests"] / answer["seconds"])
