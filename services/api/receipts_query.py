"""Answers which facts a rep's number is made of."""

from __future__ import annotations

from msgspec import Struct

from services.api.domain.receipts import Receipt, receipts, within
from services.api.domain.viewers import Viewer
from services.api.ports import Pages
from services.api.queries import Queries, View, Wanted
from shared.domain.cells import base_kpis
from shared.domain.facts import STATE_PAGE, Fact, utc_day
from shared.domain.instants import DAY_US, Micros
from shared.domain.periods import local_day
from shared.domain.reading import Reading


class Receipts(Struct, frozen=True):
    """A reading with the facts that it counts and those that it does not, each in the order of time."""

    as_of: Micros
    watermark: Micros | None
    reading: Reading
    counted: list[Receipt]
    not_counted: list[Receipt]


class ReceiptsQuery:
    """Receipts from the pages: the truth that every counter is a fold of."""

    def __init__(self, queries: Queries, pages: Pages) -> None:
        self._queries = queries
        self._pages = pages

    async def of(self, viewer: Viewer, rep_id: str, kpi_id: str, wanted: Wanted) -> Receipts:
        """Raises: Refusal, TransientError."""
        view = await self._queries.view(viewer)
        rep, kpi = view.rep(rep_id), view.kpi(kpi_id)
        period = view.period(wanted.kind, wanted.at, rep.zone)
        (reading,) = await self._queries.reps_readings(view, [rep], [kpi], period)
        start, end = period.bounds(rep.zone)
        is_now = local_day(view.moment.now, rep.zone) in period
        facts = await self._facts(view, rep_id, start, end)
        inside = [fact for fact in facts if within(fact, start, end, is_now=is_now)]
        found = [
            receipt
            for part in dict.fromkeys(base.id for base in base_kpis(kpi, view.tenant.kpis))
            for receipt in receipts(view.tenant, view.kpi(part), inside, zone=rep.zone)
        ]
        return Receipts(
            view.as_of,
            view.pipeline.watermark,
            reading,
            [receipt for receipt in found if receipt.outcome.counts],
            [receipt for receipt in found if not receipt.outcome.counts],
        )

    async def _facts(self, view: View, rep_id: str, start: Micros, end: Micros) -> list[Fact]:
        pages = [utc_day(instant) for instant in range(start, end + DAY_US, DAY_US)]
        entries = await self._pages.entries(view.tenant.id, rep_id, [*dict.fromkeys(pages), STATE_PAGE])
        return [entry.fact for entry in entries if entry.fact is not None]
