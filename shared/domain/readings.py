"""Readings: a KPI's value for a subject and period against what is asked. The one way from cells to numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import partial
from operator import is_

from shared.domain.accumulators import Tally, result
from shared.domain.calendar import length
from shared.domain.cells import (
    STATE_CELL,
    CellQuery,
    SubjectCells,
    covering_cells,
    day_cell,
    distinct_definitions,
)
from shared.domain.exact import CONTEXT
from shared.domain.instants import SECOND_US, Micros
from shared.domain.kpis import Aggregate, Kpi
from shared.domain.pace import Situation
from shared.domain.people import Rep, Team
from shared.domain.periods import Period, local_day
from shared.domain.reading import Moment, Reading, bounds_of, make_reading, with_pin
from shared.domain.targets import Asked, Targets, asked_of_rep, asked_of_team_total
from shared.domain.tenant import Tenant

HISTORY_DAYS = 90
"""How far back the best day is looked for that decides what is unreachable."""
_HOUR_US = 3600 * SECOND_US


class Org(StrEnum):
    """Whose facts are a team's: the members' at the time of each fact, or today's members'."""

    AS_WAS = "as_was"
    AS_IS = "as_is"


class Readings:
    """Computes a tenant's readings from cells; pure, built once a configuration.

    A caller asks which cells to read (``query_*``), reads them, and passes them in (``of_*``). ``histories`` are
    the same reps' cells as ``history_query`` names them, and may be left out: then nothing is called unreachable.
    """

    def __init__(self, tenant: Tenant, *, keeps_histories: bool = False) -> None:
        """``keeps_histories``: the caller passes the same history objects again while nothing in them changed, so
        that the best day is looked for once; they are held for that.
        """
        self.tenant = tenant
        self._keeps_histories = keeps_histories
        self._best: dict[tuple[str, ...], tuple[date, list[SubjectCells], Decimal | None]] = {}
        self._targets = Targets(tenant.targets, tenant.organisation)
        self._asked = _AskedAt()

    # -- what to read ----------------------------------------------------------

    def query_rep(self, kpis: Sequence[Kpi], period: Period) -> CellQuery:
        """The cells of one rep that hold a period of some KPIs."""
        return self._query(kpis, covering_cells(period))

    def query_team(
        self, team: str, kpis: Sequence[Kpi], period: Period, *, now: Micros, org: Org
    ) -> dict[str, CellQuery]:
        """The cells to read of every rep who has a part in a team's period, by rep id."""
        return {
            rep.id: self._query(kpis, covering_cells(period, included))
            for rep, included in self._parts(team, period, now=now, org=org)
        }

    def history_query(self, kpis: Sequence[Kpi], today: date) -> CellQuery:
        """The day cells before ``today`` among which the best day is looked for."""
        prorated = [kpi for kpi in kpis if kpi.prorated]
        return self._query(prorated, [day_cell(day) for day in _days_before(today)]) if prorated else CellQuery()

    def _query(self, kpis: Sequence[Kpi], names: Sequence[str]) -> CellQuery:
        definitions = distinct_definitions(kpis, self.tenant.kpis)
        stock = [STATE_CELL] if any(kpi.aggregate is Aggregate.LATEST for kpi in kpis) else []
        return CellQuery(frozenset([*names, *stock]), frozenset((d, name) for d in definitions for name in names))

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
        tally = cells.tally(covering_cells(period), distinct_definitions(kpis, self.tenant.kpis))
        state = cells.tally([STATE_CELL], ())
        start, end = period.bounds(rep.zone)
        calendar, today = self.tenant.calendar, local_day(moment.now, rep.zone)
        left = calendar.working_time_between(rep, max(moment.now, start), end)
        found = []
        for kpi in kpis:
            asked = self._asked.known(
                moment.now,
                (rep.id, period.id, kpi.id),
                partial(
                    asked_of_rep,
                    self._targets,
                    calendar,
                    rep,
                    kpi=kpi.id,
                    prorated=kpi.prorated,
                    period=period,
                    now=moment.now,
                ),
            )
            best = None if history is None or asked is None else self._best_hourly(kpi, [(rep, history)], rep, today)
            situation = Situation(over=moment.now >= end, better=kpi.better, working_left_us=left, best_hourly=best)
            value = self._value(kpi, tally, state, is_now=today in period)
            found.append(
                make_reading(
                    kpi,
                    value,
                    asked,
                    situation,
                    moment=moment,
                    bounds=bounds_of(period, rep.zone),
                    version=cells.version,
                    rep=rep.id,
                )
            )
        return found

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
        definitions = distinct_definitions(kpis, self.tenant.kpis)
        parts = self._parts(team.id, period, now=moment.now, org=org)
        tally, state = Tally.empty(), Tally.empty()
        for rep, included in parts:
            own = cells.get(rep.id, SubjectCells())
            tally.take_tally(own.tally(covering_cells(period, included), definitions))
            her_day = local_day(moment.now, rep.zone)
            if included(her_day) and her_day in period:  # elsewhere it may be tomorrow already
                state.take_tally(own.tally([STATE_CELL], ()))
        start, end = period.bounds(team.zone)
        today = local_day(moment.now, team.zone)
        left = self.tenant.calendar.working_time_between(None, max(moment.now, start), end)
        version = sum(own.version for own in cells.values())
        found = []
        for kpi in kpis:
            members = self._asked.known(
                moment.now,
                (team.id, period.id, kpi.id, org),
                partial(self._asked_of_members, kpi, parts, period, now=moment.now),
            )
            pinned = asked_of_team_total(
                self._targets,
                self.tenant.calendar,
                team.id,
                kpi=kpi.id,
                prorated=kpi.prorated,
                period=period,
                now=moment.now,
            )
            best = self._best_of_team(kpi, parts, histories, today)
            situation = Situation(over=moment.now >= end, better=kpi.better, working_left_us=left, best_hourly=best)
            value = self._value(kpi, tally, state, is_now=today in period)
            reading = make_reading(
                kpi,
                value,
                pinned or members,
                situation,
                moment=moment,
                bounds=bounds_of(period, team.zone),
                version=version,
                team=team.id,
            )
            found.append(reading if pinned is None else with_pin(reading, kpi, members))
        return found

    def _parts(self, team: str, period: Period, *, now: Micros, org: Org) -> list[tuple[Rep, Callable[[date], bool]]]:
        """Reps with a part in a team's period, each with the test of the days on which her facts are the team's."""
        organisation = self.tenant.organisation
        if org is Org.AS_IS:
            today = local_day(now, self.tenant.zone)
            return [(rep, _always) for rep in organisation.members_on(team, today)]
        subtree = organisation.subtree(team)
        return [
            (rep, included)
            for rep in organisation.members_ever(team)
            if any((included := partial(_belongs, rep, subtree))(day) for day in period.days())
        ]

    def _value(self, kpi: Kpi, tally: Tally, state: Tally, *, is_now: bool) -> Decimal | None:
        """A stock is what holds now and null for any other period; everything else comes from the cells."""
        if kpi.aggregate is Aggregate.LATEST:
            return result(kpi, state, self.tenant.kpis) if is_now else None
        return result(kpi, tally, self.tenant.kpis)

    def _asked_of_members(
        self, kpi: Kpi, parts: Sequence[tuple[Rep, Callable[[date], bool]]], period: Period, *, now: Micros
    ) -> Asked | None:
        """The sum of the members' targets; for what is not prorated the common one, None where they differ."""
        found = [
            asked
            for rep, included in parts
            if (
                asked := asked_of_rep(
                    self._targets,
                    self.tenant.calendar,
                    rep,
                    kpi=kpi.id,
                    prorated=kpi.prorated,
                    period=period,
                    now=now,
                    days=[day for day in period.days() if included(day)],
                )
            )
        ]
        if not found:
            return None
        if not kpi.prorated:
            return found[0] if all(asked == found[0] for asked in found) else None
        return Asked(
            *(_total(values) for values in zip(*((a.target, a.expected, a.assigned) for a in found), strict=True))
        )

    def _best_of_team(
        self,
        kpi: Kpi,
        parts: Sequence[tuple[Rep, Callable[[date], bool]]],
        histories: Mapping[str, SubjectCells] | None,
        today: date,
    ) -> Decimal | None:
        if histories is None:
            return None
        return self._best_hourly(kpi, [(rep, histories.get(rep.id, SubjectCells())) for rep, _ in parts], None, today)

    def _best_hourly(
        self, kpi: Kpi, histories: Iterable[tuple[Rep, SubjectCells]], subject: Rep | None, today: date
    ) -> Decimal | None:
        """The most that one of the last 90 days gave per working hour; None without a day that gave anything."""
        if not kpi.prorated:
            return None
        chosen = list(histories)
        members = [cells for _, cells in chosen]
        if not self._keeps_histories:
            return self._work_out_best(kpi, members, subject, today)
        place = (kpi.id, "" if subject is None else subject.zone, *(rep.id for rep, _ in chosen))
        known = self._best.get(place)
        if known is None or known[0] != today or not all(map(is_, known[1], members)):
            known = self._best[place] = (today, members, self._work_out_best(kpi, members, subject, today))
        return known[2]

    def _work_out_best(
        self, kpi: Kpi, members: Sequence[SubjectCells], subject: Rep | None, today: date
    ) -> Decimal | None:
        hourly = []
        for day in _days_before(today):
            value = _day_value(kpi, members, day_cell(day))
            worked = length(self.tenant.calendar.spans(subject, day)) if value else 0
            if value and worked:
                hourly.append(CONTEXT.divide(CONTEXT.multiply(value, Decimal(_HOUR_US)), Decimal(worked)))
        return max(hourly, default=None)


class _AskedAt:
    """What was asked at one instant: readers ask on a grid of instants, and targets cost more than all else."""

    def __init__(self) -> None:
        self._now: Micros | None = None
        self._known: dict[tuple[str, ...], Asked | None] = {}

    def known(self, now: Micros, key: tuple[str, ...], work_out: Callable[[], Asked | None]) -> Asked | None:
        if now != self._now:
            self._now, self._known = now, {}
        if key not in self._known:
            self._known[key] = work_out()
        return self._known[key]


def _day_value(kpi: Kpi, members: Iterable[SubjectCells], name: str) -> Decimal:
    """What one day gave a prorated KPI; looks at its own definition alone, as this is asked 90 times a reading."""
    if kpi.aggregate is Aggregate.DISTINCT:
        united = frozenset[str]().union(*(cells.values.get((kpi.definition, name), ()) for cells in members))
        return Decimal(len(united))
    found = [own for cells in members if (own := cells.cells.get(name, {}).get(kpi.definition)) is not None]
    if kpi.aggregate is Aggregate.COUNT:
        return Decimal(sum(own.count for own in found))
    return _total([own.total for own in found])


def _days_before(today: date) -> Iterable[date]:
    return (today - timedelta(days=n) for n in range(1, HISTORY_DAYS + 1))


def _belongs(rep: Rep, subtree: frozenset[str], day: date) -> bool:
    return any(own in subtree for own in rep.teams_on(day))


def _always(_: date) -> bool:
    return True


def _total(values: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for value in values:
        total = CONTEXT.add(total, value)
    return total
