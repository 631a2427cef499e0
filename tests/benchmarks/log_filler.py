"""Fills crm.events with a plausible mix: most records have one event in their life, some are corrected again and again.

Run: python -m tests.benchmarks.log_filler BOOTSTRAP EVENTS TENANT REP,REP,... Prints how many calls each rep made.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from random import Random

from confluent_kafka import Producer

from shared.adapters.system_clock import SystemClock
from shared.contracts.messages import encode_change
from shared.contracts.topics import CRM_EVENTS
from shared.domain.changes import RecordChange, Scalar
from shared.domain.instants import DAY_US, SECOND_US, Micros

DAYS = 20
SINGLE = 0.92
"""Share of records with one event in their life."""


class Mix:
    """Native changes of one tenant, seeded. ``calls`` counts what each rep's calls must be at the end."""

    def __init__(self, tenant: str, reps: list[str], now: Micros) -> None:
        self._tenant = tenant
        self._reps = reps
        self._now = now
        self._random = Random(5)
        self._number = 0
        self.calls: Counter[str] = Counter()

    def changes(self, count: int) -> Iterator[RecordChange]:
        """At least so many changes."""
        made = 0
        while made < count:
            record = self._single() if self._random.random() < SINGLE else self._deal()
            made += len(record)
            yield from record

    def _single(self) -> list[RecordChange]:
        rep, account = self._rep(), f"a-{self._random.randrange(400)}"
        if self._random.random() < 0.7:
            self.calls[rep] += 1
            fields: dict[str, Scalar] = {"direction": "outbound", "duration_seconds": "120", "account": account}
            return [self._change("call", "logged", f"c-{self._next()}", self._at(), rep=rep, fields=fields)]
        return [self._change("email", "sent", f"e-{self._next()}", self._at(), rep=rep, fields={"account": account})]

    def _deal(self) -> list[RecordChange]:
        """Created, corrected, handed over, won: three of the four move a number from one place to another."""
        record, at = f"d-{self._next()}", self._at()
        said: list[tuple[str, str | None, dict[str, Scalar]]] = [
            ("created", self._rep(), {"amount": "1000.00"}),
            ("updated", None, {"amount": f"{self._random.randint(100, 9000)}.50"}),
            ("updated", self._rep(), {}),
            ("won", None, {}),
        ]
        return [
            self._change("deal", verb, record, at + step * SECOND_US, rep=rep, fields=fields)
            for step, (verb, rep, fields) in enumerate(said)
        ]

    def _change(
        self, record_type: str, verb: str, record: str, at: Micros, *, rep: str | None, fields: dict[str, Scalar]
    ) -> RecordChange:
        owner = {} if rep is None else {"owner": rep}
        return RecordChange(
            tenant=self._tenant,
            source="native",
            record_type=record_type,
            record=record,
            verb=verb,
            event=f"evt-{self._next()}",
            occurred_at=at,
            received_at=self._now,
            fields=fields,
            delivery="bench",
            **owner,
        )

    def _rep(self) -> str:
        return self._random.choice(self._reps)

    def _at(self) -> Micros:
        return self._now - self._random.randrange(DAYS * DAY_US)

    def _next(self) -> int:
        self._number += 1
        return self._number


def fill(bootstrap: str, count: int, *, tenant: str, reps: list[str]) -> dict[str, object]:
    """Produce and wait for the broker."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 50, "partitioner": "murmur2_random"})
    mix = Mix(tenant, reps, SystemClock().now())
    sent = 0
    for change in mix.changes(count):
        while True:
            try:
                producer.produce(CRM_EVENTS, encode_change(change), change.key)
                break
            except BufferError:
                producer.poll(0.1)
        sent += 1
    producer.flush(60)
    return {"events": sent, "calls": mix.calls}


if __name__ == "__main__":
    print(json.dumps(fill(sys.argv[1], int(sys.argv[2]), tenant=sys.argv[3], reps=sys.argv[4].split(","))))
