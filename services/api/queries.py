"""Answers what numbers are: readings of reps and teams, and standings. O(1) round trips a question."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from msgspec import Struct

from services.api.domain.asking import At, on_grid, period_asked, rolling_asked
from services.api.domain.pipeline import PipelineState, is_measurable
from services.api.domain.refusals import Forbidden, UnknownKpi, UnknownRep, UnknownTeam
from services.api.domain.standings import Place, Ranking, ranked
from services.api.domain.viewers import Sight, Verdict, Viewer, sight
from services.api.histories import Found, Histories
from services.api.ports import Configured, Pages, Pipeline, Scoreboard
from services.api.rolling_readings import Rolled, RollingReadings
from shared.domain.cells import CellQuery
from shared.domain.clock import Clock
from shared.domain.instants import Micros
from shared.domain.kpis import Kpi
from shared.domain.people import Rep, Team
from shared.domain.periods import ONE_DAY, Period, PeriodKind, local_day
from shared.domain.reading import Moment, Reading
from shared.domain.readings import Org, Readings
from shared.domain.rolling import AnyPeriod, Rolling, RollingPeriod
from shared.domain.tenant import Tenant


class Wanted(Struct, frozen=True, kw_only=True):
    """Which period's readings of which KPIs; no KPI named is every one."""

    kind: PeriodKind | Rolling
    at: At = None
    kpis: tuple[str, ...] = ()


class Answer(Struct, frozen=True):
    """Readings with the instant they were taken and the watermark, which was read before them."""

    as_of: Micros
    watermark: Micros | None
    readings: Sequence[Reading]


class Standings(Struct, frozen=True):
    """Places, best first."""

    as_of: Micros
    watermark: Micros | None
    kpi: Kpi
    by: Ranking
    places: list[Place]


class View(Struct, frozen=True):
    """One question's fixed points: whose data, seen by whom, at which instant, with how much behind them."""

    tenant: Tenant
    readings: Readings
    sight: Sight
    pipeline: PipelineState
    as_of: Micros
    moment: Moment

    def rep(self, rep_id: str) -> Rep:
        """Raises: UnknownRep, Forbidden."""
        rep = self.tenant.organisation.reps.get(rep_id)
        if rep is None:
            raise UnknownRep(f"there is no rep {rep_id[:80]!r}")
        _allow(self.sight.of_rep(rep))
        return rep

    def team(self, team_id: str) -> Team:
        """Raises: UnknownTeam, Forbidden."""
        team = self.tenant.organisation.teams.get(team_id)
        if team is None:
            raise UnknownTeam(f"there is no team {team_id[:80]!r}")
        _allow(self.sight.of_team(team_id))
        return team

    def kpi(self, kpi_id: str, period: AnyPeriod) -> Kpi:
        """The version of a KPI that a period uses. Raises: UnknownKpi."""
        kpi = self.readings.definitions.on(period.first).get(kpi_id)
        if kpi is None:
            raise UnknownKpi(f"there is no KPI {kpi_id[:80]!r}")
        return kpi

    def kpis(self, ids: Iterable[str], period: AnyPeriod) -> tuple[Kpi, ...]:
        """The named KPIs as a period uses them, every one where none is named. Raises: UnknownKpi."""
        named = tuple(self.kpi(kpi_id, period) for kpi_id in dict.fromkeys(ids))
        return named or tuple(self.readings.definitions.on(period.first).values())

    def kpi_ids(self, ids: Iterable[str]) -> frozenset[str]:
        """The same ids. Raises: UnknownKpi."""
        today = self.period(PeriodKind.DAY, None, self.tenant.zone)
        return frozenset(self.kpi(kpi_id, today).id for kpi_id in ids)

    def listing(self, period: Period) -> list[Kpi]:
        """The KPIs that list a period's kind, as the period uses them."""
        return [kpi for kpi in self.kpis((), period) if kpi.is_asked_of(period)]

    def asked(self, wanted: Wanted, zone: str) -> AnyPeriod:
        """The period that a question is about, in a zone."""
        if isinstance(wanted.kind, Rolling):
            return rolling_asked(wanted.kind, wanted.at, now=self.moment.now, zone=zone)
        return self.period(wanted.kind, wanted.at, zone)

    def period(self, kind: PeriodKind, at: At, zone: str) -> Period:
        """The calendar period asked for in a zone."""
        return period_asked(self.tenant.calendar.periods, kind, at, now=self.moment.now, zone=zone)

    def answer(self, readings: Sequence[Reading]) -> Answer:
        """The readings in their envelope."""
        return Answer(self.as_of, self.pipeline.watermark, readings)


class Queries:
    """The readings of the tenants that are configured now."""

    def __init__(
        self, configured: Configured, scoreboard: Scoreboard, pipeline: Pipeline, clock: Clock, *, pages: Pages
    ) -> None:
        self._configured = configured
        self._rolling = RollingReadings(scoreboard, pages)
        self._histories = Histories(scoreboard, time.monotonic)
        self._pipeline = pipeline
        self._clock = clock

    async def view(self, viewer: Viewer) -> View:
        """What a viewer's question starts from. Raises: TransientError."""
        tenant = self._configured.deployment.tenants[viewer.tenant]
        pipeline = await self._pipeline.state()
        as_of = self._clock.now()
        now = on_grid(as_of)
        moment = Moment(now, is_measurable(tenant, pipeline, now))
        readings = self._configured.readings(tenant)
        return View(tenant, readings, sight(viewer, tenant.organisation, now), pipeline, as_of, moment)

    async def of_rep(self, viewer: Viewer, rep_id: str, wanted: Wanted) -> Answer:
        """A rep's readings. Raises: Refusal, TransientError."""
        view = await self.view(viewer)
        rep = view.rep(rep_id)
        period = view.asked(wanted, rep.zone)
        kpis = view.kpis(wanted.kpis, period)
        return view.answer(await self.reps_readings(view, [rep], kpis, period))

    async def of_team(
        self, viewer: Viewer, team_id: str, wanted: Wanted, *, org: Org = Org.AS_WAS, members: bool = False
    ) -> Answer:
        """A team's readings, and with ``members`` those of each rep who has a part in them and may be seen."""
        view = await self.view(viewer)
        team = view.team(team_id)
        period = view.asked(wanted, team.zone)
        kpis = view.kpis(wanted.kpis, period)
        return view.answer(await self.team_readings(view, team, kpis, period, org=org, members=members))

    async def standings(
        self, viewer: Viewer, kpi_id: str, wanted: Wanted, *, by: Ranking, team_id: str | None = None
    ) -> Standings:
        """Reps ranked by a KPI: today's members of a team, or all who may be seen."""
        view = await self.view(viewer)
        period = view.asked(wanted, view.tenant.zone)
        kpi, reps = view.kpi(kpi_id, period), self._field(view, team_id)
        now = await self.reps_readings(view, reps, (kpi,), period)
        before = None
        if by is Ranking.IMPROVEMENT and isinstance(period, Period):
            previous = view.tenant.calendar.periods.containing(period.kind, period.first - ONE_DAY)
            before = {
                str(r.rep): r for r in await self.reps_readings(view, reps, view.kpis((kpi_id,), previous), previous)
            }
        places = ranked(now, by, kpi.better, before=before)
        return Standings(view.as_of, view.pipeline.watermark, kpi, by, places)

    async def team_readings(
        self, view: View, team: Team, kpis: Sequence[Kpi], period: AnyPeriod, *, org: Org, members: bool = False
    ) -> list[Reading]:
        """A team's readings, and each rep's who has a part in them and may be seen, in one round trip."""
        if isinstance(period, RollingPeriod):
            rolling = Rolled(view.readings, view.moment, kpis, period)
            return await self._rolling.of_team(rolling, team, org=org, seen=view.sight.reps() if members else ())
        parts = view.readings.query_team(team.id, kpis, period, now=view.moment.now, org=org)
        seen = [rep for rep in view.sight.reps() if rep.id in parts] if members else []
        wider = {rep.id: view.readings.query_rep(kpis, period) for rep in seen}
        read = await self._read(view, {rep: own | wider.get(rep, CellQuery()) for rep, own in parts.items()})
        found = view.readings.of_team(
            team, kpis, period, read.cells, moment=view.moment, org=org, histories=read.histories
        )
        return [*found, *_each(view, seen, kpis, period, read)]

    async def reps_readings(
        self, view: View, reps: Sequence[Rep], kpis: Sequence[Kpi], period: AnyPeriod
    ) -> list[Reading]:
        """Readings of several reps in one period, in one round trip; in two of a rolling one."""
        if isinstance(period, RollingPeriod):
            return await self._rolling.of_reps(Rolled(view.readings, view.moment, kpis, period), reps)
        query = view.readings.query_rep(kpis, period)
        read = await self._read(view, {rep.id: query for rep in reps})
        return _each(view, reps, kpis, period, read)

    async def _read(self, view: View, wanted: dict[str, CellQuery]) -> Found:
        """Cells with the history that decides what is unreachable, each rep's by her own calendar."""
        reps = view.tenant.organisation.reps
        today = {rep: local_day(view.moment.now, reps[rep].zone) for rep in wanted}
        return await self._histories.read(view.readings, wanted, today)

    def _field(self, view: View, team_id: str | None) -> list[Rep]:
        if team_id is None:
            reps = list(view.sight.reps())
        else:
            view.team(team_id)
            members = view.tenant.organisation.members_on(team_id, local_day(view.moment.now, view.tenant.zone))
            reps = [rep for rep in members if view.sight.of_rep(rep).allowed]
        if not reps and view.sight.viewer.role is not view.sight.viewer.role.ADMIN:
            _allow(Verdict.NO_REPS)
        return reps


def _each(view: View, reps: Iterable[Rep], kpis: Sequence[Kpi], period: Period, read: Found) -> list[Reading]:
    return [
        reading
        for rep in reps
        for reading in view.readings.of_rep(
            rep, kpis, period, read.cells[rep.id], moment=view.moment, history=read.histories[rep.id]
        )
    ]


def _allow(verdict: Verdict) -> None:
    """Raises: Forbidden."""
    if not verdict.allowed:
        raise Forbidden(f"this key may not see it: {verdict}")
