"""Single events a second through ingest (signed in, acks=all out) against a bare FastAPI endpoint, same client."""

from __future__ import annotations

import json
from typing import Any

from cli.up.free_ports import free_ports
from tests.benchmarks.report import Row
from tests.benchmarks.stand import Stand, until

CONNECTIONS = 64
WANTED_RATIO = 0.5
WANTED_P99_MS = 50.0
WARM_UP_SECONDS = 6.0


def run(stand: Stand, *, quick: bool) -> list[Row]:
    """Both at full load in turns, then ingest at half of its maximum."""
    seconds = 4.0 if quick else 10.0
    bare, ours = _bare(stand), stand.service("ingest")
    for port in (bare, ours):  # a broker that has just begun, and its compiler, take seconds to get to speed
        _load(stand, port, WARM_UP_SECONDS)
    rounds = [(_load(stand, bare, seconds), _load(stand, ours, seconds)) for _ in range(1 if quick else 3)]
    baseline = max(_rate(first) for first, _ in rounds)
    best = max(_rate(second) for _, second in rounds)
    half = _load(stand, ours, seconds, rate=best / 2)
    failed = [answer["failures"] for answer in (*(each for pair in rounds for each in pair), half)]
    failures = sum(sum(statuses.values()) for statuses in failed)
    which = ", ".join(sorted({status for statuses in failed for status in statuses}))
    return [
        Row(
            what="ingest, single events",
            value=best,
            unit="requests/s",
            baseline=baseline,
            wanted=f"ratio >= {WANTED_RATIO}",
            met=best / baseline >= WANTED_RATIO,
        ),
        Row(what="ingest p50 at half of that", value=half["p50_ms"], unit="ms"),
        Row(
            what="ingest p99 at half of that",
            value=half["p99_ms"],
            unit="ms",
            wanted=f"< {WANTED_P99_MS:.0f} ms",
            met=half["p99_ms"] < WANTED_P99_MS,
        ),
        Row(
            what=f"answers other than 202 {which}",
            value=failures,
            unit="",
            wanted="0",
            met=failures == 0,
        ),
    ]


def _bare(stand: Stand) -> int:
    port = free_ports(1)[0]
    child = stand.module("bare_endpoint", str(port))
    until(lambda: _listens(port), child.last_words)
    return port


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _load(stand: Stand, port: int, seconds: float, rate: float = 0) -> dict[str, Any]:
    said = stand.run(
        "load_client", str(port), str(CONNECTIONS), str(seconds), str(rate), stand.secret("native"), "nobody"
    )
    answer: dict[str, Any] = json.loads(said)
    return answer


def _rate(answer: dict[str, Any]) -> float:
    return float(answer["requests"] / answer["seconds"])
