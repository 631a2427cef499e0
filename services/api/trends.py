"""Answers how a team's numbers grew over a period: the lines on the board's tiles."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from msgspec import Struct

from services.api.domain.refusals import InvalidPeriod
from services.api.domain.trending import (
    GROWING,
    Part,
    Steps,
    Trend,
    expected_by,
    growth,
    instants,
    parts_of,
    sampled,
    trend_of,
    values_by_day,
)
from services.api.domain.viewers import Viewer
from services.api.ports import Pages, Scoreboard
from services.api.queries import Queries, View, Wanted
from shared.domain.cells import CellQuery, SubjectCells, day_cell
from shared.domain.facts import Fact, utc_day
from shared.domain.instants import DAY_US, Micros
from shared.domain.kpis import Aggregate, Kpi
from shared.domain.people import Rep, Team
from shared.domain.periods import Period, PeriodKind, local_day
from shared.domain.reading import bounds_of
from shared.domain.readings import Readings
from shared.domain.rolling import Rolling

MOST_LINES = 256
"""Expected lines kept: they move with the clock's grid, and every board of a team asks for the same ones."""


class Trends(Struct, frozen=True):
    """The lines with the instant they were taken and the watermark, which was read before them."""

    as_of: Micros
    watermark: Micros | None
    trends: list[Trend]


class Asked(Struct, frozen=True):
    """One question worked out: whose lines, of which KPIs, at which instants."""

    view: View
    team: Team
    kpis: Sequence[Kpi]
    period: Period
    parts: Sequence[Part]
    at: Sequence[Micros]

    def sampled(self, steps: Steps) -> list[Decimal | None]:
        """The value as of each instant, None after now."""
        return sampled(steps, self.at, self.view.moment.now)

    def unseen(self) -> Mapping[str, list[Decimal | None]]:
        """Lines of facts some of which are gone for their age."""
        return {kpi.id: [None] * len(self.at) for kpi in self.kpis}

    def is_whole(self, found: Mapping[str, SubjectCells]) -> bool:
        """Whether no fact of the period is gone for its age, and the KPIs as edited have reached everybody."""
        if not all(cells.count_all(self.kpis) for cells in found.values()):
            return False
        starts = ((part.rep.id, self.period.bounds(part.rep.zone)[0]) for part in self.parts)
        known = ((found[rep].retained_from, start) for rep, start in starts if rep in found)
        return all(not retained_from or retained_from <= start for retained_from, start in known)

    @property
    def last(self) -> date:
        """The last day on which anything may have happened."""
        now = self.view.moment.now
        return max((local_day(now, part.rep.zone) for part in self.parts), default=self.period.first)


class TrendsQuery:
    """Longer periods come from day cells, one read for all KPIs; a day from its members' facts."""

    def __init__(self, queries: Queries, scoreboard: Scoreboard, pages: Pages) -> None:
        self._queries = queries
        self._scoreboard = scoreboard
        self._pages = pages
        self._lines: OrderedDict[tuple[object, ...], tuple[Readings, list[Decimal] | None]] = OrderedDict()

    async def of_team(self, viewer: Viewer, team_id: str, wanted: Wanted) -> Trends:
        """Lines of the KPIs that add up and list the period. Raises: Refusal, TransientError."""
        view = await self._queries.view(viewer)
        team = view.team(team_id)
        if isinstance(wanted.kind, Rolling):
            raise InvalidPeriod("a trend is of a calendar period; use day, week, month, quarter or year")
        period = view.period(wanted.kind, wanted.at, team.zone)
        chosen = view.kpis(wanted.kpis, period)
        kpis = [kpi for kpi in chosen if kpi.aggregate in GROWING and kpi.is_asked_of(period)]
        at = instants(period, team.zone, view.moment.now)
        asked = Asked(view, team, kpis, period, parts_of(view.tenant, team.id, period), at)
        values = await (self._within_day(asked) if period.kind is PeriodKind.DAY else self._by_days(asked))
        bounds = bounds_of(period, team.zone)
        trends = [trend_of(kpi, bounds, at, values=values[kpi.id], expected=self._expected(asked, kpi)) for kpi in kpis]
        return Trends(view.as_of, view.pipeline.watermark, trends)

    async def _by_days(self, asked: Asked) -> Mapping[str, list[Decimal | None]]:
        tenant, last = asked.view.tenant, asked.last
        distinct = [kpi.definition for kpi in asked.kpis if kpi.aggregate is Aggregate.DISTINCT]
        wanted = {}
        for part in asked.parts:
            cells = [day_cell(day) for day in part.days if day <= last]
            wanted[part.rep.id] = CellQuery(frozenset(cells), frozenset((d, cell) for d in distinct for cell in cells))
        found = await self._scoreboard.read(tenant.id, wanted) if asked.kpis else {}
        if not asked.is_whole(found):
            return asked.unseen()
        steps = values_by_day(tenant, asked.kpis, asked.parts, found, last=last, zone=asked.team.zone)
        return {kpi.id: asked.sampled(steps[kpi.id]) for kpi in asked.kpis}

    async def _within_day(self, asked: Asked) -> Mapping[str, list[Decimal | None]]:
        reps = [part.rep.id for part in asked.parts if asked.kpis]
        if not asked.is_whole(await self._scoreboard.read(asked.view.tenant.id, dict.fromkeys(reps, CellQuery()))):
            return asked.unseen()
        members = [(part.rep, await self._facts(asked, part.rep)) for part in asked.parts if asked.kpis]
        return {kpi.id: asked.sampled(growth(asked.view.tenant, kpi, members, asked.period)) for kpi in asked.kpis}

    async def _facts(self, asked: Asked, rep: Rep) -> list[Fact]:
        start, end = asked.period.bounds(rep.zone)
        pages = dict.fromkeys(utc_day(instant) for instant in (*range(start, end, DAY_US), end - 1))
        entries = await self._pages.entries(asked.view.tenant.id, rep.id, pages)
        return [entry.fact for entry in entries if entry.fact is not None]

    def _expected(self, asked: Asked, kpi: Kpi) -> list[Decimal] | None:
        """Worked out once for all who ask at one step of the clock's grid, and anew with every configuration."""
        view, key = asked.view, (asked.view.tenant.id, asked.team.id, kpi.id, asked.period.id, tuple(asked.at))
        known = self._lines.get(key)
        if known is None or known[0] is not view.readings:
            line = expected_by(view.tenant, asked.team, asked.parts, kpi, period=asked.period, at=asked.at)
            known = self._lines[key] = (view.readings, line)
            if len(self._lines) > MOST_LINES:
                self._lines.popitem(last=False)
        return known[1]
