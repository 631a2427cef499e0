"""The textbook Faust app: an agent over the same log, a windowed table of counts by rep and event type.

Run: python -m tests.benchmarks.faust_baseline BOOTSTRAP EVENTS. Prints JSON: events and seconds, after EVENTS events.
It does less than our aggregator does: no corrections, no duplicates, one count.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import uuid
from datetime import timedelta

import faust

from shared.contracts.topics import CRM_EVENTS

WARM_UP = 1000
"""Events before the clock starts: the join of the group and the first fetch are not what is measured."""


class Change(faust.Record, serializer="json"):  # type: ignore[misc]
    """What it needs of a change; the rest of the message is ignored."""

    record_type: str
    verb: str
    owner: str | None = None


def build(bootstrap: str, wanted: int) -> faust.App:
    """The app; it ends its process when it has seen so many events."""
    app = faust.App(
        f"bench-{uuid.uuid4().hex[:8]}",
        broker=f"kafka://{bootstrap}",
        store="memory://",
        datadir=tempfile.mkdtemp(),
        topic_partitions=8,
        web_enabled=False,
        topic_disable_leader=True,
    )
    topic = app.topic(CRM_EVENTS, value_type=Change)
    counts = app.Table("counts", default=int).tumbling(timedelta(days=1), expires=timedelta(days=40))
    seen, started_at = 0, 0.0

    @app.agent(topic)
    async def count(changes: faust.Stream[Change]) -> None:
        nonlocal seen, started_at
        async for change in changes:
            counts[f"{change.owner}/{change.record_type}.{change.verb}"] += 1
            seen += 1
            if seen == WARM_UP:
                started_at = time.perf_counter()
            if seen == wanted:
                found = {"events": wanted - WARM_UP, "seconds": time.perf_counter() - started_at}
                sys.stdout.write(json.dumps(found) + "\n")
                sys.stdout.flush()
                os._exit(0)  # its orderly end takes longer than what was measured

    return app


if __name__ == "__main__":
    app = build(sys.argv[1], int(sys.argv[2]))
    app.finalize()
    faust.Worker(app, loglevel="ERROR", redirect_stdouts=False).execute_from_commandline()
