"""What exactness under corrections, crashes and edits costs: this worker against the one before the guarantees.

Both work off the same mix on a stand of their own, in turns, so that the machine's moods meet both.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean

import redis

from tests.benchmarks.aggregator import Course, create_topics, fill, follow_to_the_end
from tests.benchmarks.report import Row
from tests.benchmarks.stand import PROJECT, Stand, open_stand

BASE = os.environ.get("PACER_BENCH_BASE", "605926d")
"""The last revision before restatements, self-check, packed pages, dated versions and states beside the live one."""
ROUNDS = 2
WANTED = 0.8
RUN_FROM = "import sys, runpy; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module(sys.argv[1], run_name='__main__')"
"""Runs a module of another checkout with this one's packages: its directory comes before everything else."""


def run(stand: Stand, *, quick: bool) -> list[Row]:
    """The stand that is given is only the first of several."""
    events = 80_000 if quick else 300_000
    with tempfile.TemporaryDirectory(prefix="pacer-base-") as directory:
        base = Path(directory)
        _export(base)
        before, now = [_course(stand, base, events)], [_on_a_stand(PROJECT, events)]
        for _ in range(1, ROUNDS):
            before.append(_on_a_stand(base, events))
            now.append(_on_a_stand(PROJECT, events))
    rate, base_rate = mean(course.rate for course in now), mean(course.rate for course in before)
    cost, base_cost = mean(course.processor_us for course in now), mean(course.processor_us for course in before)
    return [
        Row(
            what=f"aggregator with the guarantees, against {BASE} without",
            value=rate,
            unit="events/s",
            baseline=base_rate,
            wanted=f"ratio >= {WANTED}",
            met=rate / base_rate >= WANTED,
        ),
        Row(what="processor seconds for a million events", value=cost, unit="s", baseline=base_cost),
    ]


def _export(directory: Path) -> None:
    """The base's files as they were committed."""
    archive = subprocess.run(["git", "archive", BASE], cwd=PROJECT, capture_output=True, check=False)
    if archive.returncode:
        raise RuntimeError(f"{archive.stderr.decode().strip()}: needs the history; fetch it, or set PACER_BENCH_BASE")
    subprocess.run(["tar", "-x", "-C", str(directory)], input=archive.stdout, check=True)


def _on_a_stand(checkout: Path, events: int) -> Course:
    with open_stand() as stand:
        return _course(stand, checkout, events)


def _course(stand: Stand, checkout: Path, events: int) -> Course:
    create_topics(stand.bootstrap)
    filled = fill(stand, events)
    stand.start("aggregator", [sys.executable, "-c", RUN_FROM, str(checkout), "services.aggregator"])
    return follow_to_the_end(stand, redis.Redis(port=stand.redis_port), filled["events"])
