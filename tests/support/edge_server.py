"""The ingest service as a process without Kafka: what it takes is confirmed and forgotten. Times are short.

Run: python -m tests.support.edge_server PORT [JSON of EdgePlan]
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import msgspec
import uvloop
from msgspec import Struct
from prometheus_client import CollectorRegistry

from services.ingest.adapters import bodies
from services.ingest.wiring import build_ingest
from shared.adapters.system_clock import SystemClock
from shared.domain.sources import Limits
from shared.observability import guarded_connection, serving
from shared.settings import HttpSettings
from tests.support.fake_log import FakeKept, FakeLog
from tests.support.ingest_app import configure, hubspot_source, native_source


class EdgePlan(Struct, frozen=True, kw_only=True):
    """What differs from test to test; ``confirmed_after`` is how long the log takes, in seconds."""

    head_seconds: float = 0.5
    slow_seconds: float = 0.5
    keep_alive_seconds: int = 75
    connections: int = 1000
    bodies_in_flight: int = 67_108_864
    confirmed_after: float = 0
    max_body: int = 1_048_576


class ForgetfulLog(FakeLog):
    """Confirms, after a while, and keeps nothing."""

    def __init__(self, confirmed_after: float) -> None:
        super().__init__()
        self._confirmed_after = confirmed_after

    async def keep(self, *_: Any, **__: Any) -> None:
        await asyncio.sleep(self._confirmed_after)


async def run(port: int, plan: EdgePlan) -> None:
    ingest = build_ingest(
        ForgetfulLog(plan.confirmed_after),
        FakeKept(),
        SystemClock(),
        registry=CollectorRegistry(),
        bodies_in_flight=plan.bodies_in_flight,
    )
    limits = Limits(requests_per_second=1e6, burst=1_000_000, max_body=plan.max_body)
    configure(ingest, native_source(limits=limits), hubspot_source(limits=limits))
    settings = HttpSettings(port=port, connections=plan.connections)
    await serving.serve(ingest.app, settings, port, on_cut=ingest.metrics.cut)


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.argv[2], type=EdgePlan) if len(sys.argv) > 2 else EdgePlan()
    guarded_connection.HEAD_SECONDS = asked.head_seconds
    bodies.SLOW_SECONDS = asked.slow_seconds
    serving.KEEP_ALIVE_SECONDS = asked.keep_alive_seconds
    uvloop.run(run(int(sys.argv[1]), asked))
