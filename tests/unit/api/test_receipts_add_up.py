"""The receipts of a number come to that number exactly, whatever happened, for every aggregate."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.api.domain.asking import period_kind
from services.api.domain.receipts import Outcome, Receipt
from services.api.domain.viewers import Viewer
from services.api.ports import HeldPages
from services.api.queries import Queries, Wanted
from services.api.receipts_query import Documented, Receipts, ReceiptsQuery
from shared.contracts.messages import decode_entry
from shared.contracts.records import unpack
from shared.domain.access import Role
from shared.domain.cells import CellQuery, SubjectCells
from shared.domain.exact import CONTEXT, divide
from shared.domain.facts import PageEntry
from shared.domain.instants import parse
from shared.domain.kpis import RANKED, Aggregate, Kpi
from shared.domain.people import Membership, Organisation
from shared.domain.periods import PeriodKind
from shared.domain.reading import shown
from shared.domain.records import Record, RecordKey
from shared.domain.rolling import Rolling
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.aggregator_tenant import counting_tenant
from tests.support.api_parts import FixedConfiguration, KnownPipeline, TurnedClock
from tests.support.floor_events import NOW, as_change, deliveries
from tests.support.tenants import team

PLAIN = counting_tenant()
REPS = {name: replace(rep, memberships=(Membership("emea"),)) for name, rep in PLAIN.organisation.reps.items()}
TENANT = replace(PLAIN, organisation=Organisation({"emea": team()}, REPS))
ADMIN = Viewer(tenant="acme", role=Role.ADMIN)
ASKED = [
    (PeriodKind.DAY, "2026-11-23"), (PeriodKind.DAY, "2026-11-24"), (PeriodKind.WEEK, "2026-11-22"),
    (PeriodKind.MONTH, "2026-10-31"), (PeriodKind.YEAR, "2026-11-23"),
    (period_kind("rolling:90m"), "2026-11-24"), (period_kind("rolling:50h"), "2026-11-24"),
]  # fmt: skip


class FloorState:
    """What the api reads, taken from the aggregator's stores in memory."""

    def __init__(self, floor: InMemoryFloor) -> None:
        self._floor = floor
        self._cells = {rep: floor.scoreboard_store.subject_cells(rep) for rep in TENANT.organisation.reps}

    async def read(self, _: str, wanted: Mapping[str, CellQuery]) -> dict[str, SubjectCells]:
        return {rep: self._cells[rep] for rep in wanted}

    async def entries(self, tenant: str, rep: str, pages: Iterable[str]) -> list[PageEntry]:
        raise NotImplementedError

    async def held(self, tenant: str, wanted: Mapping[str, Sequence[str] | None]) -> dict[str, HeldPages]:
        store = self._floor.scoreboard_store
        found = {}
        for rep, names in wanted.items():
            pages = {
                page: {fact_id: decode_entry(packed) for fact_id, packed in entries.items()}
                for (owner, subject, page), entries in store.pages_held.items()
                if (owner, subject) == (tenant, rep) and (names is None or page in names)
            }
            found[rep] = HeldPages(store.versions[tenant, rep], pages)
        return found

    async def of(self, record_keys: Iterable[str]) -> dict[str, Record]:
        packed = self._floor.ledger_store.records
        return {key: unpack(packed[key], RecordKey.parse(key)) for key in record_keys if key in packed}


def come_to(kpi: Kpi, counted: list[Documented]) -> Decimal | None:
    """What counted receipts make of a KPI, by its aggregate alone."""
    if kpi.aggregate is Aggregate.RATIO:
        above, below = (come_to(TENANT.kpis[part or ""], counted) for part in (kpi.numerator, kpi.denominator))
        return None if above is None or below is None else divide(above, below)
    own = [each.of for each in counted if each.kpi == kpi.id and isinstance(each.of, Receipt)]
    assert all(receipt.outcome in {Outcome.COUNTED, Outcome.REPEATED} for receipt in own)
    if kpi.aggregate in RANKED:
        decisive = {receipt.adds for receipt in own if receipt.decides}
        assert len(decisive) == bool(own)
        return decisive.pop() if decisive else None
    total = Decimal(0)
    for receipt in own:
        total = CONTEXT.add(total, receipt.adds or Decimal(0))
    return divide(total, Decimal(len(own))) if kpi.aggregate is Aggregate.AVERAGE else total


def agree(found: Receipts, kpi: Kpi) -> None:
    assert found.consistent
    if kpi.aggregate is Aggregate.LATEST and found.reading.value is None:
        assert not found.counted
        return
    assert shown(come_to(kpi, found.counted), kpi.unit) == found.reading.value, (kpi.id, found.reading.period)


async def check(floor: InMemoryFloor, kind: PeriodKind | Rolling, day: str) -> None:
    state = FloorState(floor)
    queries = Queries(FixedConfiguration(TENANT), state, KnownPipeline(), TurnedClock(parse(NOW)), pages=state)
    query = ReceiptsQuery(queries, state, state)
    for kpi in TENANT.kpis.values():
        wanted = Wanted(kind=kind, at=parse(f"{day}T12:00:00Z"))
        for rep in TENANT.organisation.reps:
            agree(await query.of(ADMIN, rep, kpi.id, wanted), kpi)
        agree(await query.of_team(ADMIN, "emea", kpi.id, wanted), kpi)


@settings(deadline=None, max_examples=60)
@given(deliveries(), st.lists(st.integers(1, 5), max_size=4), st.sampled_from(ASKED))
def test_counted_receipts_come_to_the_reading(
    delivered: list[dict[str, Any]], sizes: list[int], asked: tuple[PeriodKind | Rolling, str]
) -> None:
    floor = InMemoryFloor(TENANT)
    asyncio.run(floor.take([as_change(event) for event in delivered], sizes))
    asyncio.run(check(floor, *asked))


@settings(deadline=None, max_examples=60)
@given(deliveries(), st.lists(st.integers(1, 5), max_size=6))
def test_every_counted_fact_has_events_that_were_received(delivered: list[dict[str, Any]], sizes: list[int]) -> None:
    floor = InMemoryFloor(TENANT)
    asyncio.run(floor.take([as_change(event) for event in delivered], sizes))
    state, ids = FloorState(floor), {(event["id"], parse(event["occurred_at"])) for event in delivered}
    queries = Queries(FixedConfiguration(TENANT), state, KnownPipeline(), TurnedClock(parse(NOW)), pages=state)
    query = ReceiptsQuery(queries, state, state)
    for rep in TENANT.organisation.reps:
        for kpi in TENANT.kpis:
            found = asyncio.run(query.of(ADMIN, rep, kpi, Wanted(kind=PeriodKind.YEAR, at=parse(NOW))))
            for each in (*found.counted, *found.not_counted):
                assert each.events
                assert {(event.event, event.occurred_at) for event in each.events} <= ids
