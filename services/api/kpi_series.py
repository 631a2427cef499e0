"""The KPIs as Prometheus series: what each rep and team has, should have and would have by now."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from services.api.domain.viewers import Viewer
from services.api.ports import Configured
from services.api.queries import Queries, View
from services.api.settings import MetricsSettings
from shared.domain.access import Role
from shared.domain.kpis import Kpi
from shared.domain.periods import Period, PeriodKind, local_day
from shared.domain.reading import Reading
from shared.domain.readings import Org

FIELDS = ("value", "target", "expected", "attainment_ratio")
LABELS = ("tenant", "team", "rep", "kpi", "period")


class Sample(Struct, frozen=True):
    """One reading's numbers by the names in FIELDS, None left out; labels in the order of LABELS."""

    labels: tuple[str, str, str, str, str]
    numbers: dict[str, Decimal]


class Series(Struct, frozen=True):
    """All samples, and how many series the cap left out."""

    samples: tuple[Sample, ...] = ()
    dropped: int = 0


class KpiSeries:
    """Reads every series when asked; over the cap the reps' go and the teams' stay."""

    def __init__(self, configured: Configured, queries: Queries, settings: MetricsSettings) -> None:
        self._configured = configured
        self._queries = queries
        self._settings = settings

    async def read(self) -> Series:
        """Raises: TransientError."""
        views = [
            await self._queries.view(Viewer(tenant=tenant, role=Role.ADMIN, key="metrics"))
            for tenant in self._configured.deployment.tenants
        ]
        samples = [sample for view in views for sample in await self._of_teams(view)]
        wanted = sum(_rep_series(view) for view in views) if self._settings.per_rep else 0
        if wanted and len(samples) * len(FIELDS) + wanted <= self._settings.max_series:
            samples += [sample for view in views for sample in await self._of_reps(view)]
            wanted = 0
        kept = samples[: self._settings.max_series // len(FIELDS)]
        return Series(tuple(kept), wanted + (len(samples) - len(kept)) * len(FIELDS))

    async def _of_teams(self, view: View) -> list[Sample]:
        found = []
        for team in view.tenant.organisation.teams.values():
            for period, kpis in _listed(view, team.zone):
                readings = await self._queries.team_readings(view, team, kpis, period, org=Org.AS_WAS)
                found += _samples(view, readings, team.id, "")
        return found

    async def _of_reps(self, view: View) -> list[Sample]:
        found = []
        for rep in view.tenant.organisation.reps.values():
            team = view.tenant.organisation.first_team(rep, local_day(view.moment.now, rep.zone)) or ""
            for period, kpis in _listed(view, rep.zone):
                found += _samples(view, await self._queries.reps_readings(view, [rep], kpis, period), team, rep.id)
        return found


def _listed(view: View, zone: str) -> list[tuple[Period, list[Kpi]]]:
    """The periods of now in a zone, with the KPIs that list them."""
    periods = (view.period(kind, None, zone) for kind in PeriodKind)
    return [(period, kpis) for period in periods if (kpis := view.listing(period))]


def _rep_series(view: View) -> int:
    reps = view.tenant.organisation.reps.values()
    return len(FIELDS) * sum(len(kpis) for rep in reps for _, kpis in _listed(view, rep.zone))


def _samples(view: View, readings: Sequence[Reading], team: str, rep: str) -> list[Sample]:
    return [
        Sample((view.tenant.id, team, rep, reading.kpi, reading.period.kind), _numbers(reading)) for reading in readings
    ]


def _numbers(reading: Reading) -> dict[str, Decimal]:
    shown = (reading.value, reading.target, reading.expected_to_date, reading.attainment)
    return {name: number for name, number in zip(FIELDS, shown, strict=True) if number is not None}
