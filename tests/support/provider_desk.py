"""A source of any provider in front of the real application, and what its deliveries come to as records."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from itertools import permutations
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from services.ingest.wiring import Ingest, build_ingest
from shared.domain.changes import RecordChange
from shared.domain.derivation import facts_of
from shared.domain.facts import Fact
from shared.domain.instants import SECOND_US
from shared.domain.records import Record, RecordKey
from shared.domain.sources import Source
from shared.domain.tenant import Credit
from tests.support.fake_log import FakeKept, FakeLog
from tests.support.manual_clock import ManualClock

NOW_S = 1_772_463_900
"""2026-03-02T15:05:00Z."""


class ProviderDesk:
    """Sends deliveries to one source; ``log`` has what became of them."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.log = FakeLog()
        self.clock = ManualClock()
        self.clock.set(NOW_S * SECOND_US)
        self.ingest: Ingest = build_ingest(self.log, FakeKept(), self.clock, registry=CollectorRegistry())
        self.ingest.intake.configure({source.id: source})

    async def send(self, body: Any, *, query: str = "", headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Posts a body, bytes or what becomes JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        address = f"http://ingest/v1/webhooks/{self.source.id}" + (f"?{query}" if query else "")
        given = {"content-type": "application/json"} | dict(headers or {})
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.ingest.app)) as http:
            return await http.post(address, content=content, headers=given)

    def deliver(self, body: Any, **how: Any) -> httpx.Response:
        """``send`` from a test that is not asynchronous."""
        return asyncio.run(self.send(body, **how))

    @property
    def change(self) -> RecordChange:
        """The only change."""
        (change,) = self.log.changes
        return change


def records_of(changes: Iterable[RecordChange]) -> dict[RecordKey, Record]:
    """What changes make of their records."""
    records: dict[RecordKey, Record] = {}
    for change in changes:
        key = RecordKey.of(change)
        if key in records:
            records[key].merge(change)
        else:
            records[key] = Record.of(change)
    return records


def facts_in(changes: Iterable[RecordChange]) -> list[Fact]:
    """All facts of the changes' records."""
    records = records_of(changes)
    return [fact for key, record in records.items() for fact in facts_of(key, record, Credit())]


def in_any_order(changes: Iterable[RecordChange]) -> dict[RecordKey, Record]:
    """The records that every order of the changes, each said twice, leads to. Asserts that it is the same."""
    orders = [records_of([*order, *order]) for order in permutations(changes)]
    assert all(one == orders[0] for one in orders)
    return orders[0]
