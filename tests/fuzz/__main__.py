"""Run: python -m tests.fuzz [PROVIDER ...] [--seconds N] [--seed N] [--live]. Exit 1 at a finding."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import structlog
from confluent_kafka import Producer

from services.ingest.providers.registry import PROVIDERS
from tests.fuzz.live import Target, free_port
from tests.fuzz.live import run as run_live
from tests.fuzz.requests import requests
from tests.fuzz.trial import NOW, run
from tests.support.processes import Processes

CHUNK = 200


def main(arguments: list[str]) -> int:
    """Each provider in turn for its share of the time."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("providers", nargs="*", default=list(PROVIDERS))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--live", action="store_true", help="against a process of its own, all providers in turn")
    asked = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    if asked.live:
        return _live(asked.seconds, asked.seed)
    found: set[str] = set()
    for provider in asked.providers:
        until, sent, statuses = time.monotonic() + asked.seconds / len(asked.providers), 0, dict[int, int]()
        stream = requests(provider, asked.seed, NOW)
        while time.monotonic() < until:
            try:
                some = run(provider, stream, CHUNK)
            except AssertionError as error:
                some, kind = {}, str(error).partition("\n")[0][:200]
                if kind not in found:
                    print(f"FOUND (seed {asked.seed}, request {sent} to {sent + CHUNK}): {error}", flush=True)
                found.add(kind)
            sent += CHUNK
            statuses = {status: statuses.get(status, 0) + some.get(status, 0) for status in {*statuses, *some}}
        print(f"{provider}: {sent} requests, seed {asked.seed}, {dict(sorted(statuses.items()))}", flush=True)
    return 1 if found else 0


def _live(seconds: float, seed: int) -> int:
    broker = Producer({"test.mock.num.brokers": 1})
    where = next(iter(broker.list_topics(timeout=10).brokers.values()))
    with tempfile.TemporaryDirectory() as directory:
        processes = Processes(Path(directory))
        try:
            target = Target(processes, Path(directory), f"{where.host}:{where.port}", free_port())
            for provider, statuses in run_live(target, seconds=seconds, seed=seed).items():
                print(f"{provider}: seed {seed}, {dict(sorted(statuses.items()))}", flush=True)
            print(f"{target.resident_bytes / 2**20:.0f} MiB resident", flush=True)
        except AssertionError as error:
            print(f"FOUND (seed {seed}): {str(error)[:5000]}", flush=True)
            return 1
        finally:
            processes.end_all()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
