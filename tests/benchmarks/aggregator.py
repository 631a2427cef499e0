"""Events a second from Kafka to readable in Redis, both stages with corrections, one worker, against plain Faust."""

from __future__ import annotations

import json
import time
from collections import Counter

import redis
import yaml
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from shared.contracts import keys
from shared.contracts.messages import decode_cell
from shared.contracts.topics import KPI_FACTS, TOPICS
from shared.domain.facts import EPOCH_BITS
from tests.benchmarks.report import Row
from tests.benchmarks.stand import PARTITIONS, Stand

WANTED_RATIO = 12.0
WANTED_RATE = 30_000
BASELINE_EVENTS = 20_000
QUICK_BASELINE_EVENTS = 4_000
DEADLINE_SECONDS = 240.0
KPI = "calls"
POSITION_MASK = (1 << EPOCH_BITS) - 1
"""A stored offset has the log's epoch above its position."""


def run(stand: Stand, *, quick: bool) -> list[Row]:
    """Fill the log, let Faust count a part of it, then let one worker of ours apply it all."""
    create_topics(stand.bootstrap)
    store = redis.Redis(port=stand.redis_port)
    filled = fill(stand, 60_000 if quick else 400_000)
    baseline = _faust(stand, QUICK_BASELINE_EVENTS if quick else BASELINE_EVENTS)
    memory_before = store.info("memory")["used_memory"]
    stand.service("aggregator")
    rate = _rate(stand, store, filled["events"])
    counted = _calls(store)
    wrong = sum((Counter(filled["calls"]) - counted).values()) + sum((counted - Counter(filled["calls"])).values())
    grown = store.info("memory")["used_memory"] - memory_before
    return [
        Row(
            what="aggregator, both stages, to readable",
            value=rate,
            unit="events/s",
            baseline=baseline,
            wanted=f"ratio >= {WANTED_RATIO:.0f}",
            met=rate / baseline >= WANTED_RATIO,
        ),
        Row(
            what="the same against the floor",
            value=rate,
            unit="events/s",
            wanted=f">= {WANTED_RATE:,}",
            met=rate >= WANTED_RATE,
        ),
        Row(what="calls that are not where they should be", value=wrong, unit="", wanted="0", met=wrong == 0),
        *_memory(store, grown),
    ]


def create_topics(bootstrap: str) -> None:
    """All our topics with the benchmark's partitions."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(topic.name, PARTITIONS, 1) for topic in TOPICS]).values():
        future.result(30)


def fill(stand: Stand, events: int) -> dict[str, object]:
    """So many events in the log; how many they are exactly and what the reps' calls must be."""
    people = yaml.safe_load((stand.config / "people.yaml").read_text())
    tenant = yaml.safe_load((stand.config / "tenant.yaml").read_text())["tenant"]
    reps = ",".join(rep["id"] for rep in people["reps"])
    found: dict[str, object] = json.loads(stand.run("log_filler", stand.bootstrap, str(events), tenant, reps))
    return found


def _faust(stand: Stand, events: int) -> float:
    found = json.loads(stand.run("faust_baseline", stand.bootstrap, str(events)).splitlines()[-1])
    return float(found["events"] / found["seconds"])


def _rate(stand: Stand, store: redis.Redis, events: int) -> float:
    """Events a second from the first that is seen applied to the last one readable; those before do not count."""
    consumer = Consumer({"bootstrap.servers": stand.bootstrap, "group.id": "bench-ends"})
    deadline = time.monotonic() + DEADLINE_SECONDS
    started_at, before = None, 0
    try:
        while time.monotonic() < deadline:
            ledger = _applied(store, keys.ledger_tag)
            if started_at is None and ledger:
                started_at, before = time.perf_counter(), ledger
            if started_at is not None and ledger == events:
                written = sum(_end(consumer, partition) for partition in range(PARTITIONS))
                if _applied(store, keys.scoreboard_tag) == written:
                    return (events - before) / (time.perf_counter() - started_at)
            time.sleep(0.02)
    finally:
        consumer.close()
    raise RuntimeError(f"{events} events were not readable in time:\n{stand.children['aggregator'].last_words()}")


def _applied(store: redis.Redis, tag: object) -> int:
    names = [keys.offset_key(tag(partition)) for partition in range(PARTITIONS)]  # type: ignore[operator]
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
