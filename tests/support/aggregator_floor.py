"""A sales floor for the aggregator as a process: its configuration, events with known sums, what is read."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import redis
from confluent_kafka import Producer

from shared.contracts import keys
from shared.contracts.messages import decode_cell, encode_cell, encode_change
from shared.contracts.topics import CRM_EVENTS
from shared.domain.accumulators import Accumulator
from shared.domain.changes import RecordChange
from shared.domain.instants import Micros
from tests.support.processes import Processes, Running
from tests.support.real_redis import RealRedis

REPS = 20
START: Micros = 1_795_000_000_000_000
Sums = dict[str, tuple[int, Decimal]]
"""Calls and their seconds by rep."""


def write_configuration(directory: Path) -> Path:
    """A tenant of 20 reps who are counted by calls and by the seconds of them."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "tenant.yaml").write_text("tenant: acme\ntime_zone: UTC\ncurrency: EUR\n")
    reps = "".join(f"  - {{id: rep{i}, name: Rep {i}, identities: {{native: [rep{i}]}}}}\n" for i in range(REPS))
    (directory / "people.yaml").write_text(f"reps:\n{reps}")
    (directory / "sources.yaml").write_text("sources:\n  - {id: native, provider: native, secrets: [{env: TOKEN}]}\n")
    common = "type: leading, better: higher, facts: [call.logged]"
    (directory / "kpis.yaml").write_text(
        "kpis:\n"
        f"  - {{id: calls, name: Calls, unit: count, aggregate: count, {common}}}\n"
        f"  - {{id: talk, name: Talk, unit: seconds, aggregate: sum, field: seconds, {common}}}\n"
    )
    return directory


class Floor:
    """Produces calls and remembers what they must come to."""

    def __init__(self, bootstrap: str, redis_server: RealRedis, config: Path) -> None:
        self.redis_server = redis_server
        self.config = config
        self.environment = {
            "PACER_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "PACER_REDIS__URL": redis_server.url,
            "PACER_CONFIG_DIR": str(config),
            "TOKEN": "token",
        }
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "partitioner": "murmur2"})
        self._redis = redis.Redis.from_url(redis_server.url)
        self._expected: dict[str, list[Decimal]] = defaultdict(list)
        self._made = 0

    def worker(self, processes: Processes, port: int, **environment: str) -> Running:
        """Starts an aggregator."""
        env = {**self.environment, "PACER_HTTP__PORT": str(port), **environment}
        return processes.start("services.aggregator", env=env)

    def log_calls(self, count: int, *, since: Micros = START) -> None:
        """Produces so many calls, each of a record of its own; returns when the broker has them."""
        for number in range(self._made, self._made + count):
            rep, seconds = f"rep{number % REPS}", number % 600
            self._produce(encode_change(call(number, rep, seconds, since)), key=f"acme/native/call/c{number}")
            self._expected[rep].append(Decimal(seconds))
        self._made += count
        self._producer.flush()

    def log_rubbish(self, *values: bytes) -> None:
        """Produces something that is no event, all to one partition."""
        for value in values:
            self._produce(value, key="rubbish")
        self._producer.flush()

    def _produce(self, value: bytes, key: str) -> None:
        while True:
            try:
                return self._producer.produce(CRM_EVENTS, value, key=key)
            except BufferError:
                self._producer.poll(0.1)

    @property
    def expected(self) -> Sums:
        """The sums of what was produced."""
        return {rep: (len(seconds), sum(seconds, Decimal(0))) for rep, seconds in self._expected.items()}

    def seconds(self, rep: str) -> list[Decimal]:
        """The length of each of a rep's calls."""
        return self._expected[rep]

    def counted(self) -> Sums:
        """The sums in the cells, read by month."""
        sums: Sums = {}
        for key in self._redis.scan_iter(match=f"{self._prefix()}:{{s*}}:c:*", count=1000):
            if b"/?" in key:  # an owner whom nobody claims has a list of pages, under a name that a rep may have
                continue
            count, total = 0, Decimal(0)
            for field, packed in self._redis.hgetall(key).items():
                if field.startswith(b"m"):
                    cell = decode_cell(packed)
                    count, total = count + cell["calls"].count, total + cell["talk"].total
            sums[key.decode().rpartition("/")[2]] = (count, total)
        return sums

    def break_cells(self, rep: str) -> None:
        """Writes something else into one of a rep's cells, as no chunk would."""
        cells = self._key(f"c:acme/{rep}")
        name = next(field for field in self._redis.hkeys(cells) if field.startswith(b"m"))
        self._redis.hset(cells, name, encode_cell({"calls": Accumulator(1, Decimal(0)), "talk": Accumulator(1)}))

    def lose_rep(self, rep: str) -> None:
        """Deletes a rep's cells and pages, as a node that lost its data would."""
        pages = self._redis.scan_iter(match=f"{self._prefix()}:*p:acme/{rep}/*")
        self._redis.delete(self._key(f"c:acme/{rep}"), *pages)

    def _key(self, ending: str) -> bytes:
        (key,) = self._redis.scan_iter(match=f"{self._prefix()}:*{ending}", count=1000)
        return bytes(key)

    def live_state(self) -> str:
        """The name of the live state."""
        return keys.state_named(self._redis.hget(keys.LAYOUT, keys.STATE_FIELD))

    def states(self) -> set[str]:
        """The names of all states that have keys."""
        found = self._redis.scan_iter(match="pacer*:{[ls]*}:*", count=1000)
        return {key.decode().partition(":")[0].removeprefix("pacer").lstrip("/") for key in found}

    def empty_redis(self) -> None:
        """Everything is gone."""
        self._redis.flushall()

    def versions(self) -> dict[str, int]:
        """Each rep's version."""
        found = self._redis.scan_iter(match=f"{self._prefix()}:{{s*}}:c:*", count=1000)
        return {key.decode().rpartition("/")[2]: int(self._redis.hget(key, "version") or 0) for key in found}

    def _prefix(self) -> str:
        return keys.scoreboard_tag(0, self.live_state()).partition(":")[0]

    def forget_calls(self) -> None:
        """What was produced until now is not expected any more."""
        self._expected.clear()

    def swept_a_day_ago(self) -> None:
        """As if the last sweep of every partition had begun some more than a day ago."""
        for tag in tags(8, self.live_state()):
            self._redis.set(keys.swept_key(tag), time.time_ns() // 1000 - 25 * 3600 * 1_000_000)

    def pages(self) -> tuple[int, int]:
        """How many pages are plain, and how many packed."""
        packed = list(self._redis.scan_iter(match="pacer:{s*}:z:*", count=1000))
        fields = sum(self._redis.hlen(key) - self._redis.hexists(key, keys.WORDS_FIELD) for key in packed)
        return sum(1 for _ in self._redis.scan_iter(match="pacer:{s*}:p:*", count=1000)), fields

    def records(self) -> int:
        """How many records the ledger keeps."""
        return sum(self._redis.hlen(key) for key in self._redis.scan_iter(match="pacer:{l*}:records", count=1000))

    def parked(self) -> dict[str, int]:
        """How many facts wait for an identity, by owner."""
        hashes = [self._redis.hgetall(key) for key in self._redis.scan_iter(match=f"{self._prefix()}:{{s*}}:unmapped")]
        return {owner.decode(): int(count) for found in hashes for owner, count in found.items()}

    def total(self) -> int:
        """Calls counted so far."""
        return sum(count for count, _ in self.counted().values())

    def watermark(self) -> Micros:
        """The least mark of all partitions."""
        marks = self._redis.mget([key for tag in tags(8, self.live_state()) for key in [keys.mark_key(tag)]])
        return min(int(mark or 0) for mark in marks)


def call(number: int, rep: str, seconds: int, since: Micros = START) -> RecordChange:
    """A call of a rep, logged within two hours of an instant."""
    return RecordChange(
        tenant="acme",
        source="native",
        record_type="call",
        record=f"c{number}",
        verb="logged",
        event=f"e{number}",
        occurred_at=since + number % 7200 * 1_000_000,
        received_at=time.time_ns() // 1000,
        owner=rep,
        fields={"seconds": str(seconds)},
    )


def tags(partitions: int, state: str) -> Iterator[str]:
    """Redis tags of all partitions of both stages."""
    tag_of: Callable[[int, str], str]
    for tag_of in (keys.ledger_tag, keys.scoreboard_tag):
        yield from (tag_of(partition, state) for partition in range(partitions))
