"""Events a second of ``pacer rebuild`` against one aggregator worker, on the same log, one after the other."""

from __future__ import annotations

import json
import sys
import time

import redis

from tests.benchmarks.aggregator import create_topics, fill, follow, follow_to_the_end
from tests.benchmarks.processor_time import Meter
from tests.benchmarks.report import Row
from tests.benchmarks.stand import Stand, until

WANTED_RATIO = 0.8


def run(stand: Stand, *, quick: bool) -> list[Row]:
    """A worker applies the log; then, with the worker ended, a rebuild makes the same state once more."""
    create_topics(stand.bootstrap)
    store = redis.Redis(port=stand.redis_port)
    events = fill(stand, 80_000 if quick else 400_000)["events"]
    stand.service("aggregator")
    live = follow_to_the_end(stand, store, events)
    stand.children["aggregator"].stop(15)
    child = stand.start("rebuild", [sys.executable, "-m", "cli.main", "rebuild", "--dry-run", "--json"])
    until(lambda: _state(store) is not None, child.last_words)
    seen = follow(store, events, words=child.last_words, state=_state(store) or "")
    began_at, before = next(seen)
    meter = Meter([stand.pid("rebuild")])
    ended_at, _ = list(seen)[-1]
    used = meter.used(stand.pid("rebuild")) / (events - before) * 1e6
    rate = (events - before) / (ended_at - began_at)
    while child.running:
        time.sleep(0.1)
    told = json.loads(child.log.read_text()[child.log.read_text().index("{\n") :].rpartition("}")[0] + "}")
    compared_in = time.perf_counter() - ended_at
    return [
        Row(
            what="rebuild, both stages, committed",
            value=rate,
            unit="events/s",
            baseline=live.rate,
            wanted=f"ratio >= {WANTED_RATIO}",
            met=rate / live.rate >= WANTED_RATIO,
        ),
        Row(what="processor seconds for a million events", value=used, unit="s", baseline=live.processor_us),
        Row(what="comparing everything, and removing it", value=compared_in, unit="s"),
        Row(
            what="readings and facts that differ from the worker's",
            value=told["readings_differing"] + sum(told["facts_differing"].values()),
            unit="",
            wanted="0",
            met=bool(told["same"]),
        ),
    ]


def _state(store: redis.Redis) -> str | None:
    """The state that is being made."""
    found = [key.decode() for key in store.scan_iter(match="pacer/*:{l00}:offset", count=10_000)]
    return found[0].removeprefix("pacer/").partition(":")[0] if found else None
