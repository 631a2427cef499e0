"""Run: python -m tests.benchmarks [NAME ...] [--quick]; no name is all of them. Exit 1 when a wish is missed."""

from __future__ import annotations

import sys
from contextlib import nullcontext

from rich.console import Console

from tests.benchmarks import aggregator, freshness, guarantees, ingest, memory, processes, rebuild
from tests.benchmarks.report import Benchmark, show
from tests.benchmarks.stand import open_stand

BENCHMARKS: dict[str, tuple[str, Benchmark]] = {
    "aggregator": ("Aggregator: Kafka to readable in Redis, one worker, real Kafka and Redis", aggregator.run),
    "guarantees": ("Aggregator: what the guarantees cost, against the revision before them", guarantees.run),
    "rebuild": ("Rebuild of the state from the log, against one aggregator worker", rebuild.run),
    "ingest": ("Ingest: single events against a bare FastAPI endpoint, HubSpot's batches, every provider", ingest.run),
    "processes": ("Ingest: two processes against one, by processor time", processes.run),
    memory.NAME: ("Bytes in Redis of what is kept, recent and old", memory.run),
    "freshness": ("Webhook to readable in the API, and memory", freshness.run),
}
QUICK = "--quick"


def main(arguments: list[str]) -> int:
    """Each benchmark on a stand of its own, one table each; memory has a server of its own instead."""
    console = Console(width=130)
    names = [argument for argument in arguments if argument != QUICK] or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        console.print(f"unknown: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
        return 2
    met = True
    for name in names:
        title, benchmark = BENCHMARKS[name]
        with nullcontext() if name == memory.NAME else open_stand() as stand:
            rows = benchmark(stand, quick=QUICK in arguments)
        show(console, title, rows)
        met = met and all(row.met is not False for row in rows)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
