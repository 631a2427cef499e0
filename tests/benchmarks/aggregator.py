"""Events a second from Kafka to readable in Redis, both stages with corrections, one worker, against plain Faust."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from statistics import mean, median
from typing import Any

import redis
import yaml
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from msgspec import Struct

from shared.contracts import keys
from shared.contracts.messages import decode_cell
from shared.contracts.topics import KPI_FACTS, TOPICS
from shared.domain.facts import EPOCH_BITS
from tests.benchmarks.processor_time import Meter
from tests.benchmarks.report import Row
from tests.benchmarks.stand import PARTITIONS, Stand, until

WANTED_RATIO = 12.0
WANTED_RATE = 30_000
BASELINE_EVENTS = 20_000
QUICK_BASELINE_EVENTS = 4_000
SLICES = 10
DEADLINE_SECONDS = 240.0
KPI = "calls"
POSITION_MASK = (1 << EPOCH_BITS) - 1
"""A stored offset has the log's epoch above its position."""


class Course(Struct):
    """How a worker got through the log, from the end of its warm-up to the last event readable."""

    rates: list[float]
    """Events a second of the first stage, slice after slice: their spread is the machine's noise."""
    rate: float
    processor_us: float
    """Processor time an event, both stages."""


def run(stand: Stand, *, quick: bool) -> list[Row]:
    """Fill the log; Faust counts a part of it before and after one worker of ours applies it all."""
    create_topics(stand.bootstrap)
    store = redis.Redis(port=stand.redis_port)
    filled = fill(stand, 80_000 if quick else 400_000)
    baseline_events = QUICK_BASELINE_EVENTS if quick else BASELINE_EVENTS
    baselines = [_faust(stand, baseline_events)]
    memory_before = store.info("memory")["used_memory"]
    stand.service("aggregator")
    course = follow_to_the_end(stand, store, filled["events"])
    baselines.append(_faust(stand, baseline_events))
    counted = _calls(store)
    wrong = sum((Counter(filled["calls"]) - counted).values()) + sum((counted - Counter(filled["calls"])).values())
    grown = store.info("memory")["used_memory"] - memory_before
    return [
        *_speed(course, baselines),
        Row(what="calls that are not where they should be", value=wrong, unit="", wanted="0", met=wrong == 0),
        *_memory(store, grown),
    ]


def _speed(course: Course, baselines: list[float]) -> list[Row]:
    baseline = mean(baselines)
    low, high = min(course.rates), max(course.rates)
    return [
        Row(
            what=f"aggregator, both stages, to readable (Faust {min(baselines):,.0f} to {max(baselines):,.0f})",
            value=course.rate,
            unit="events/s",
            baseline=baseline,
            wanted=f"ratio >= {WANTED_RATIO:.0f}",
            met=course.rate / baseline >= WANTED_RATIO,
        ),
        Row(
            what="the same against the floor",
            value=course.rate,
            unit="events/s",
            wanted=f">= {WANTED_RATE:,}",
            met=course.rate >= WANTED_RATE,
        ),
        Row(
            what=f"slices, median ({low:,.0f} to {high:,.0f})",
            value=median(course.rates),
            unit="events/s",
        ),
        Row(what="processor seconds for a million events", value=course.processor_us, unit="s"),
    ]


def create_topics(bootstrap: str) -> None:
    """All our topics with the benchmark's partitions."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(topic.name, PARTITIONS, 1) for topic in TOPICS]).values():
        future.result(30)


def fill(stand: Stand, events: int) -> dict[str, Any]:
    """So many events in the log; how many they are exactly and what the reps' calls must be."""
    people = yaml.safe_load((stand.config / "people.yaml").read_text())
    tenant = yaml.safe_load((stand.config / "tenant.yaml").read_text())["tenant"]
    reps = ",".join(rep["id"] for rep in people["reps"])
    found: dict[str, Any] = json.loads(stand.run("log_filler", stand.bootstrap, str(events), tenant, reps))
    return found


def _faust(stand: Stand, events: int) -> float:
    found = json.loads(stand.run("faust_baseline", stand.bootstrap, str(events)).splitlines()[-1])
    return float(found["events"] / found["seconds"])


def follow_to_the_end(stand: Stand, store: redis.Redis, events: int) -> Course:
    """Looks at a worker until it is through. The clock begins after the first slice: starting up does not count."""
    seen = follow(store, events, words=stand.children["aggregator"].last_words)
    began = next(seen)
    meter = Meter([stand.pid("aggregator")])
    marks = [began, *seen]
    _all_readable(stand, store)
    ended_at = time.perf_counter()
    applied = events - began[1]
    return Course(
        rates=[(after[1] - before[1]) / (after[0] - before[0]) for before, after in pairwise(marks)],
        rate=applied / (ended_at - began[0]),
        processor_us=meter.used(stand.pid("aggregator")) / applied * 1e6,
    )


def follow(
    store: redis.Redis, events: int, *, words: Callable[[], str], state: str = keys.FIRST_STATE
) -> Iterator[tuple[float, int]]:
    """When a state's first stage had passed each of the log's slices, and how many events it had applied then."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    following = events // SLICES
    while time.monotonic() < deadline:
        applied = _applied(store, keys.ledger_tag, state)
        if applied >= following:
            yield time.perf_counter(), applied
            if applied >= events:
                return
            following = min(events, applied + events // SLICES)
        time.sleep(0.02)
    raise RuntimeError(f"{events} events were not applied in time:\n{words()}")


def _all_readable(stand: Stand, store: redis.Redis) -> None:
    """Returns when the second stage has applied all that the first has written."""
    consumer = Consumer({"bootstrap.servers": stand.bootstrap, "group.id": "bench-ends"})
    try:
        written = sum(_end(consumer, partition) for partition in range(PARTITIONS))
        until(lambda: _applied(store, keys.scoreboard_tag) == written, stand.children["aggregator"].last_words)
    finally:
        consumer.close()


def _applied(store: redis.Redis, tag: object, state: str = keys.FIRST_STATE) -> int:
    names = [keys.offset_key(tag(partition, state)) for partition in range(PARTITIONS)]  # type: ignore[operator]
    return sum(int(value or 0) & POSITION_MASK for value in store.mget(names))


def _end(consumer: Consumer, partition: int) -> int:
    return int(consumer.get_watermark_offsets(TopicPartition(KPI_FACTS, partition), timeout=10)[1])


def _calls(store: redis.Redis) -> Counter[str]:
    """Calls of each rep as the scoreboard has them, over all days."""
    found: Counter[str] = Counter()
    for key in store.scan_iter(match="pacer:{s*}:c:*", count=1000):
        rep = key.decode().rpartition("/")[2]
        for cell, packed in store.hgetall(key).items():
            if cell.startswith(b"d") and KPI in (cells := decode_cell(packed)):
                found[rep] += cells[KPI].count
    return found


def _memory(store: redis.Redis, grown: int) -> list[Row]:
    """Bytes a record and a fact, by Redis's own estimate of the hashes that hold them."""
    rows = []
    for what, pattern in (("record", "pacer:{l*}:records"), ("fact", "pacer:{s*}:p:*")):
        size = entries = 0
        for key in store.scan_iter(match=pattern, count=1000):
            size += store.memory_usage(key, samples=50) or 0
            entries += store.hlen(key)
        rows.append(Row(what=f"Redis, a {what}", value=size / max(entries, 1), unit="bytes"))
    return [*rows, Row(what="Redis, all of it", value=grown / 1_048_576, unit="MiB")]
