"""Readings: a KPI's value for a subject and period against what is asked. The one way from cells to numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from shared.domain.accumulators import Tally, result
from shared.domain.cells import (
    STATE_CELL,
    CellQuery,
    SubjectCells,
    base_kpis,
    covering_cells,
    day_cell,
    distinct_definitions,
    ranked_definitions,
)
from shared.domain.definitions import Definitions
from shared.domain.effective_targets import EffectiveTargets
from shared.domain.instants import Micros
from shared.domain.kpis import Kpi
from shared.domain.pace import Situation
from shared.domain.people import Rep, Team
from shared.domain.periods import Period, local_day
from shared.domain.reading import Moment, Reading, bounds_of, make_reading, shown, with_pin
from shared.domain.recent_days import HISTORY_DAYS, UNKNOWN, Recent, RecentDays, days_before
from shared.domain.rolling import AnyPeriod
from shared.domain.team_parts import Org, Part, TeamParts
from shared.domain.tenant import Tenant

__all__ = ["HISTORY_DAYS", "Org", "Readings"]


class Readings:
    """Computes a tenant's readings from cells; pure, built once a configuration.

    A caller asks which cells to read (``query_*``), reads them, and passes them in (``of_*``). ``histories`` are
    the same reps' cells as ``history_query`` names them, and may be left out: then nothing is called unreachable.
    """

    def __init__(self, tenant: Tenant, *, keeps_histories: bool = False) -> None:
        """``keeps_histories``: see RecentDays."""
        self.tenant = tenant
        self.definitions = Definitions(tenant.kpis.values())
        self._recent = RecentDays(tenant.calendar, keeps=keeps_histories)
        self._targets = EffectiveTargets(tenant)
        self._parts = TeamParts(tenant)

    # -- what to read ----------------------------------------------------------

    def query_rep(self, kpis: Sequence[Kpi], period: Period) -> CellQuery:
        """The cells of one rep that hold a period of some KPIs."""
        return self.query(kpis, covering_cells(period), period.first)

    def parts(self, team: str, period: AnyPeriod, *, now: Micros, org: Org) -> tuple[Part, ...]:
        """Whose facts a team's reading of a period is made of, and on which days."""
        return self._parts.of(team, period, now=now, org=org)

    def query_team(
        self, team: str, kpis: Sequence[Kpi], period: Period, *, now: Micros, org: Org
    ) -> dict[str, CellQuery]:
        """The cells to read of every rep who has a part in a team's period, by rep id."""
        parts = self._parts.of(team, period, now=now, org=org)
        queries = {cells: self.query(kpis, cells, period.first) for cells in {part.cells for part in parts}}
        return {part.rep.id: queries[part.cells] for part in parts}

    def history_query(self, kpis: Sequence[Kpi], today: date) -> CellQuery:
        """The day cells before ``today`` among which the best day is looked for."""
        prorated = [kpi for kpi in kpis if kpi.prorated]
        return self.query(prorated, [day_cell(day) for day in days_before(today)], today) if prorated else CellQuery()

    def query(self, kpis: Sequence[Kpi], names: Iterable[str], first: date) -> CellQuery:
        """What to read of some cells, with KPIs as they are defined in a period that begins on ``first``."""
        names = tuple(names)
        versions = self.definitions.on(first)
        distinct, ranked = distinct_definitions(kpis, versions), ranked_definitions(kpis, versions)
        states = [STATE_CELL] if any(base.counts_states for kpi in kpis for base in base_kpis(kpi, versions)) else []
        every = (*names, *states)
        return CellQuery(
            frozenset(every),
            frozenset((d, name) for d in distinct for name in every),
            frozenset((d, name) for d in ranked for name in every),
        )

    def united(self, kpis: Sequence[Kpi], first: date) -> frozenset[str]:
        """Definitions whose values are kept beside the cells."""
        versions = self.definitions.on(first)
        return distinct_definitions(kpis, versions) | ranked_definitions(kpis, versions)

    # -- readings --------------------------------------------------------------

    def of_rep(
        self,
        rep: Rep,
        kpis: Sequence[Kpi],
        period: Period,
        cells: SubjectCells,
        *,
        moment: Moment,
        history: SubjectCells | None = None,
    ) -> list[Reading]:
        """A rep's readings, one a KPI, in the order asked for."""
        definitions = self.united(kpis, period.first)
        tally, state = cells.tally(covering_cells(period), definitions), cells.tally([STATE_CELL], definitions)
        start, end = period.bounds(rep.zone)
        today = local_day(moment.now, rep.zone)
        left = self.tenant.calendar.working_time_between(rep, max(moment.now, start), end)
        bounds = bounds_of(period, rep.zone)
        found = []
        for kpi in kpis:
            asked = self._targets.of_rep(rep, kpi, period, now=moment.now)
            recent = UNKNOWN
            if history is not None and asked is not None:
                recent = self._recent.of(kpi, [(rep, history)], subject=rep, today=today)
            situation = _situation(kpi, recent, over=moment.now >= end, left=left)
            whole = self.is_whole(kpi, period, cells, start)
            value = self.value(kpi, period, tally, state, is_now=today in period)
            found.append(
                make_reading(
                    kpi,
                    value if whole else None,
                    asked,
                    situation,
                    moment=moment.seeing(whole=whole),
                    bounds=bounds,
                    version=cells.version,
                    rep=rep.id,
                )
            )
        return found

    def closed_values(self, rep: Rep, kpis: Sequence[Kpi], period: Period, cells: SubjectCells) -> list[Decimal | None]:
        """The values that ``of_rep`` shows of a period that is over, one a KPI."""
        start, _ = period.bounds(rep.zone)
        tally, empty = cells.tally(covering_cells(period), self.united(kpis, period.first)), Tally.empty()
        values = [self.value(kpi, period, tally, empty, is_now=False) for kpi in kpis]
        return [
            shown(value, kpi.unit) if cells.is_whole(kpi, start) else None
            for kpi, value in zip(kpis, values, strict=True)
        ]

    def of_team(
        self,
        team: Team,
        kpis: Sequence[Kpi],
        period: Period,
        cells: Mapping[str, SubjectCells],
        *,
        moment: Moment,
        org: Org,
        histories: Mapping[str, SubjectCells] | None = None,
    ) -> list[Reading]:
        """A team's readings: every aggregate over the union of its members' facts."""
        parts = self._parts.of(team.id, period, now=moment.now, org=org)
        tally, state = self._union(kpis, period, parts, cells, now=moment.now)
        start, end = period.bounds(team.zone)
        today = local_day(moment.now, team.zone)
        left = self.tenant.calendar.working_time_between(None, max(moment.now, start), end)
        bounds, version = bounds_of(period, team.zone), sum(own.version for own in cells.values())
        is_now = any(_contains_now(period, part, moment.now) for part in parts) if parts else today in period
        found = []
        for kpi in kpis:
            members = self._targets.of_members(parts, kpi, period, now=moment.now)
            pinned = self._targets.of_team_total(team.id, kpi, period, now=moment.now)
            recent = self._recent_of_team(kpi, parts, histories, today)
            situation = _situation(kpi, recent, over=moment.now >= end, left=left)
            held = ((part, cells.get(part.rep.id, SubjectCells())) for part in parts)
            whole = all(self.is_whole(kpi, period, own, part.start(period)) for part, own in held)
            value = self.value(kpi, period, tally, state, is_now=is_now)
            reading = make_reading(
                kpi,
                value if whole else None,
                pinned or members,
                situation,
                moment=moment.seeing(whole=whole),
                bounds=bounds,
                version=version,
                team=team.id,
            )
            found.append(reading if pinned is None else with_pin(reading, kpi, members))
        return found

    def _union(
        self,
        kpis: Sequence[Kpi],
        period: Period,
        parts: Sequence[Part],
        cells: Mapping[str, SubjectCells],
        *,
        now: Micros,
    ) -> tuple[Tally, Tally]:
        """The members' facts of the period, and their states where the period is hers now."""
        definitions = self.united(kpis, period.first)
        tally, state = Tally.empty(), Tally.empty()
        for part in parts:
            own = cells.get(part.rep.id, SubjectCells())
            tally.take_tally(own.tally(part.cells, definitions))
            if _contains_now(period, part, now) and part.includes(local_day(now, part.rep.zone)):
                state.take_tally(own.tally([STATE_CELL], definitions))
        return tally, state

    def value(self, kpi: Kpi, period: AnyPeriod, tally: Tally, state: Tally, *, is_now: bool) -> Decimal | None:
        """What holds now counts in a period that contains now; a stock, or a ratio of one, is null in any other.

        Null before the KPI's first version, or that of a part of it.
        """
        versions = self.definitions.on(period.first)
        bases = base_kpis(kpi, versions)
        if not all(each.has_begun(period.first) for each in (kpi, *bases)):
            return None
        if kpi.is_stock:
            return result(kpi, state, versions) if is_now else None
        if not is_now or not any(base.counts_states for base in bases):
            return None if any(base.is_stock for base in bases) else result(kpi, tally, versions)
        together = Tally.empty()
        together.take_tally(tally)
        together.take_tally(state)
        return result(kpi, together, versions)

    def is_whole(self, kpi: Kpi, period: AnyPeriod, cells: SubjectCells, start: Micros) -> bool:
        """Whether a rep's cells have all of a KPI's value: nothing is gone for its age, and an edit has reached her."""
        bases = base_kpis(kpi, self.definitions.on(period.first))
        return cells.is_whole(kpi, start) and cells.count_all(bases)

    def _recent_of_team(
        self, kpi: Kpi, parts: Sequence[Part], histories: Mapping[str, SubjectCells] | None, today: date
    ) -> Recent:
        """Everybody's best day, and the rate of those who are still to come."""
        if histories is None:
            return UNKNOWN
        members = [(part.rep, histories.get(part.rep.id, SubjectCells())) for part in parts]
        recent = self._recent.of(kpi, members, subject=None, today=today)
        if all(part.lasts_until(today) for part in parts):
            return recent
        staying = [member for part, member in zip(parts, members, strict=True) if part.lasts_until(today)]
        return Recent(recent.best_hourly, self._recent.of(kpi, staying, subject=None, today=today).rate)


def _situation(kpi: Kpi, recent: Recent, *, over: bool, left: Micros) -> Situation:
    return Situation(
        over=over, better=kpi.better, working_left_us=left, best_hourly=recent.best_hourly, rate=recent.rate
    )


def _contains_now(period: Period, part: Part, now: Micros) -> bool:
    """Whether it is the period for a member, by her own wall clock: elsewhere it may be tomorrow already."""
    return local_day(now, part.rep.zone) in period
