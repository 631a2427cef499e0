"""Run: python -m tests.fuzz [PROVIDER ...] [--seconds N] [--seed N]; without one all. Exit 1 at a finding."""

from __future__ import annotations

import argparse
import sys
import time

import structlog

from services.ingest.providers.registry import PROVIDERS
from tests.fuzz.requests import requests
from tests.fuzz.trial import NOW, run

CHUNK = 200


def main(arguments: list[str]) -> int:
    """Each provider in turn for its share of the time."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("providers", nargs="*", default=list(PROVIDERS))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
