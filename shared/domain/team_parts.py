"""Whose facts are a team's, and on which days of a period. Contract 4.7."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from shared.domain.cells import cells_of_days, covering_cells
from shared.domain.instants import Micros
from shared.domain.people import Rep
from shared.domain.periods import Period, day_start, local_day
from shared.domain.rolling import AnyPeriod, RollingPeriod, touched_days, whole_days
from shared.domain.tenant import Tenant

_PARTS_KEPT = 1_024


class Org(StrEnum):
    """Whose facts are a team's: the members' at the time of each fact, or today's members'."""

    AS_WAS = "as_was"
    AS_IS = "as_is"


class Part(Struct, frozen=True):
    """A rep's part in a team's period: the ``days`` on which her facts are the team's, None for all of them.

    ``cells`` are the fewest that hold those facts.
    """

    rep: Rep
    days: tuple[date, ...] | None
    cells: tuple[str, ...]

    def lasts_until(self, day: date) -> bool:
        """Whether facts of a day or later may be the team's."""
        return self.days is None or self.days[-1] >= day

    def includes(self, day: date) -> bool:
        """Whether her facts of a day of the period are the team's."""
        return self.days is None or day in self.days

    def start(self, period: AnyPeriod) -> Micros:
        """The first instant of a period from which on her facts are the team's."""
        start, _ = period.bounds(self.rep.zone)
        return max(start, day_start(min(self.days), self.rep.zone)) if self.days else start


class TeamParts:
    """The parts in every team's periods; built once a configuration, and remembered: they do not move with time."""

    def __init__(self, tenant: Tenant) -> None:
        self._organisation = tenant.organisation
        self._zone = tenant.zone
        self._as_was = lru_cache(maxsize=_PARTS_KEPT)(self._work_out_as_was)

    def of(self, team: str, period: AnyPeriod, *, now: Micros, org: Org) -> tuple[Part, ...]:
        """Everybody with a part in a team's period."""
        if isinstance(period, RollingPeriod):
            return self._of_rolling(team, period, now=now, org=org)
        if org is Org.AS_WAS:
            return self._as_was(team, period)
        cells = covering_cells(period)
        return tuple(Part(rep, None, cells) for rep in self._organisation.members_on(team, local_day(now, self._zone)))

    def _work_out_as_was(self, team: str, period: Period) -> tuple[Part, ...]:
        subtree, every = self._organisation.subtree(team), tuple(period.days())
        parts = []
        for rep in self._organisation.members_ever(team):
            days = tuple(day for day in every if not subtree.isdisjoint(rep.teams_on(day)))
            if days:
                chosen = frozenset(days)
                parts.append(Part(rep, None if days == every else days, covering_cells(period, chosen.__contains__)))
        return tuple(parts)

    def _of_rolling(self, team: str, period: RollingPeriod, *, now: Micros, org: Org) -> tuple[Part, ...]:
        """The cells are those of whole days; it moves with time, so that nothing is remembered."""
        if org is Org.AS_IS:
            members = self._organisation.members_on(team, local_day(now, self._zone))
            return tuple(rolling_part(rep, period) for rep in members)
        subtree, parts = self._organisation.subtree(team), []
        for rep in self._organisation.members_ever(team):
            every = touched_days(period, rep.zone)
            days = tuple(day for day in every if not subtree.isdisjoint(rep.teams_on(day)))
            if days:
                parts.append(rolling_part(rep, period, None if len(days) == len(every) else days))
        return tuple(parts)


def rolling_part(rep: Rep, period: RollingPeriod, days: tuple[date, ...] | None = None) -> Part:
    """A rep's part in a rolling period, on some of its days or on all; the cells are those of whole days."""
    chosen = (day for day in whole_days(period, rep.zone) if days is None or day in days)
    return Part(rep, days, cells_of_days(chosen))
