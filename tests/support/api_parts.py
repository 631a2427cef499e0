"""The api on fakes or on a Redis: what its tests wire by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import httpx
from fastapi import FastAPI
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from services.api.adapters.http.answers import encode
from services.api.adapters.http.app import Parts
from services.api.alert_actions import AlertActions
from services.api.alerts_query import AlertsQuery
from services.api.domain.pipeline import Parked, PipelineState
from services.api.domain.source_rhythm import HourlyCounts
from services.api.live_readings import LiveReadings
from services.api.live_status import LiveStatus
from services.api.metrics import ApiMetrics
from services.api.ports import HeldPages, Pages, Pipeline, Records, Restatements, Scoreboard
from services.api.quarantine_desk import QuarantineDesk
from services.api.queries import Queries
from services.api.receipts_query import ReceiptsQuery
from services.api.restatements_query import RestatementsQuery
from services.api.settings import StreamSettings
from services.api.source_health import SourceHealth
from services.api.stream import Hub
from services.api.trends import TrendsQuery
from shared.configuration.deployment import Deployment
from shared.domain.access import AccessKey
from shared.domain.cells import CellQuery, SubjectCells
from shared.domain.changes import RecordChange
from shared.domain.clock import Clock
from shared.domain.episodes import Episode
from shared.domain.facts import Fact, PageEntry, Revision
from shared.domain.instants import Micros, parse
from shared.domain.kpis import Unit
from shared.domain.pace import Status
from shared.domain.reading import PeriodBounds, Reading
from shared.domain.readings import Readings
from shared.domain.records import Record
from shared.domain.restatements import Restatement
from shared.domain.source_hours import SourceHour
from shared.domain.tenant import Tenant
from tests.support.api_quarantine import KnownQuarantine

MONDAY_NOON = parse("2026-11-23T11:00:00Z")
"""Twelve in Berlin and in Madrid; three of eight working hours have passed."""


class TurnedClock:
    """Says what the test says."""

    def __init__(self, now: Micros = MONDAY_NOON) -> None:
        self.at = now

    def now(self) -> Micros:
        return self.at


class FixedConfiguration:
    """A configuration that changes when the test says so."""

    def __init__(self, *tenants: Tenant, keys: tuple[AccessKey, ...] | None = None) -> None:
        self.deployment = Deployment({t.id: t for t in tenants}, {}, {}, keys)
        self.version = "v1"
        self.problem: str | None = None
        self._readings = {t.id: Readings(t, keeps_histories=True) for t in tenants}

    def allow(self, *keys: AccessKey) -> None:
        self.deployment = replace(self.deployment, keys=keys)

    def readings(self, tenant: Tenant) -> Readings:
        return self._readings[tenant.id]


class KnownCells:
    """A scoreboard of given cells; counts how often it was asked."""

    def __init__(self, cells: Mapping[str, SubjectCells] | None = None) -> None:
        self.cells = dict(cells or {})
        self.round_trips = 0

    async def read(self, _: str, wanted: Mapping[str, CellQuery]) -> dict[str, SubjectCells]:
        self.round_trips += 1
        return {rep: self.cells.get(rep, SubjectCells()) for rep in wanted}


class KnownPipeline:
    """A pipeline in a given state."""

    def __init__(self, state: PipelineState | None = None, parked: Parked | None = None) -> None:
        self.known = state or PipelineState()
        self.waiting = parked or Parked()

    async def state(self) -> PipelineState:
        return self.known

    async def parked(self) -> Parked:
        return self.waiting


class KnownArrivals:
    """Given counts by source, whatever days are asked for."""

    def __init__(self, counts: Mapping[tuple[str, str], HourlyCounts] | None = None) -> None:
        self.counts = counts or {}

    async def of(self, _: Collection[int]) -> Mapping[tuple[str, str], HourlyCounts]:
        return self.counts


class KnownReports:
    """Given hours."""

    def __init__(self, *hours: SourceHour) -> None:
        self.hours = hours

    def of(self, tenant: str, source: str) -> list[SourceHour]:
        return [hour for hour in self.hours if (hour.tenant, hour.source) == (tenant, source)]


class KnownPages:
    """Ana's pages, with given facts."""

    def __init__(
        self, *facts: Fact, gone: Sequence[tuple[str, str]] = (), versions: Sequence[int | None] = (0,)
    ) -> None:
        """``gone``: (page, fact id) of facts that were withdrawn. ``versions``: of one reading after the other."""
        self.facts = facts
        self.gone = gone
        self.versions = list(versions)

    async def entries(self, _: str, __: str, pages: Iterable[str]) -> list[PageEntry]:
        wanted = set(pages)
        return [PageEntry(Revision(1), fact) for fact in self.facts if fact.page in wanted]

    async def held(self, _: str, wanted: Mapping[str, Sequence[str] | None]) -> dict[str, HeldPages]:
        version = self.versions.pop(0) if len(self.versions) > 1 else self.versions[0]
        return {rep: HeldPages(version, self._pages(rep, pages)) for rep, pages in wanted.items()}

    def _pages(self, rep: str, wanted: Sequence[str] | None) -> dict[str, dict[str, PageEntry]]:
        found: dict[str, dict[str, PageEntry]] = defaultdict(dict)
        for fact in self.facts if rep == "ana" else ():
            found[fact.page][fact.id] = PageEntry(Revision(1), fact)
        for page, fact_id in self.gone if rep == "ana" else ():
            found[page][fact_id] = PageEntry(Revision(1), None)
        return {page: entries for page, entries in found.items() if wanted is None or page in wanted}


class KnownRecords:
    """What was said of some records; counts how often it was asked."""

    def __init__(self, *changes: RecordChange) -> None:
        self.records: dict[str, Record] = {}
        self.round_trips = 0
        for change in changes:
            self.records.setdefault(change.key, Record.of(change)).merge(change)

    async def of(self, record_keys: Iterable[str]) -> dict[str, Record]:
        self.round_trips += 1
        return {key: self.records[key] for key in record_keys if key in self.records}


class KnownRestatements:
    """Given restatements, the last one of each rep first."""

    def __init__(self, *restatements: Restatement) -> None:
        self.known = restatements

    async def of(self, _: str, reps: Sequence[str], most: int) -> list[Restatement]:
        return [each for rep in reps for each in [own for own in self.known if own.rep == rep][:most]]


class KnownEpisodes:
    """Given episodes."""

    def __init__(self, *episodes: Episode) -> None:
        self.known = episodes

    async def episodes(self, tenant: str, since: Micros) -> list[Episode]:
        return [e for e in self.known if e.tenant == tenant and (e.is_open or e.changed_at >= since)]

    async def acted(self, episode: Episode, *, prior: Episode, now: Micros) -> bool:
        assert now >= prior.changed_at
        self.known = tuple(episode if e is prior else e for e in self.known)
        return prior not in self.known

    async def episode(self, tenant: str, episode_id: str) -> Episode | None:
        return next((e for e in self.known if (e.tenant, e.id) == (tenant, episode_id)), None)


def parts(
    configured: FixedConfiguration,
    *,
    scoreboard: Scoreboard | None = None,
    pipeline: Pipeline | None = None,
    pages: Pages | None = None,
    quarantine: KnownQuarantine | None = None,
    records: Records | None = None,
    restatements: Restatements | None = None,
    episodes: KnownEpisodes | None = None,
    clock: Clock | None = None,
    bounds: StreamSettings | None = None,
    arrivals: KnownArrivals | None = None,
    reported: KnownReports | None = None,
) -> Parts:
    """The application's parts; what is not given is empty."""
    bounds = bounds or StreamSettings()
    clock, pipeline = clock or TurnedClock(), pipeline or KnownPipeline()
    pages = pages or KnownPages()
    queries = Queries(configured, scoreboard or KnownCells(), pipeline, clock, pages=pages)
    episodes = episodes or KnownEpisodes()
    alerts = AlertsQuery(configured, episodes, clock)
    metrics = ApiMetrics(CollectorRegistry())
    hub = Hub(epoch="e1", ring=bounds.ring, backlog=bounds.backlog, most=bounds.clients, metrics=metrics)
    return Parts(
        configured=configured,
        queries=queries,
        receipts=ReceiptsQuery(queries, pages or KnownPages(), records or KnownRecords()),
        restatements=RestatementsQuery(queries, restatements or KnownRestatements(), records or KnownRecords()),
        trends=TrendsQuery(queries, scoreboard or KnownCells(), pages or KnownPages()),
        alerts=alerts,
        actions=AlertActions(alerts, episodes, configured, clock),
        pipeline=pipeline,
        health=SourceHealth(arrivals or KnownArrivals(), reported or KnownReports()),
        quarantine=QuarantineDesk(configured, quarantine or KnownQuarantine(), clock, lambda: "rt_1"),
        clock=clock,
        hub=hub,
        live=LiveReadings(configured, queries, hub, encode),
        status=LiveStatus(configured, queries, hub, encode),
    )


BOUNDS = PeriodBounds("day", "2026-11-23", "", "", "UTC")


def a_reading(rep: str, value: str | None, pace: str | None = None) -> Reading:
    number = None if value is None else Decimal(value)
    return Reading(
        rep=rep, kpi="calls", unit=Unit.COUNT, period=BOUNDS, value=number, target=None, target_assigned=None,
        expected_to_date=None, attainment=number, pace=None if pace is None else Decimal(pace), required_rate=None,
        status=Status.NO_TARGET, miss_probability=None, definition="calls", version=1, measurable=True,
    )  # fmt: skip


def local_client(app: FastAPI, *, host: str = "127.0.0.1", **options: Any) -> httpx.AsyncClient:
    """A client of the application without a socket; ``host`` is where it seems to sit."""
    transport = httpx.ASGITransport(app=app, client=(host, 40_000), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080", **options)
