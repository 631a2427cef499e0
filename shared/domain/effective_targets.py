"""What is asked of reps and teams at an instant: the effective targets of contract 4.9, quick to ask again.

What a target asks of a period does not move with time, only how much of it is due: the first is worked out once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache

from shared.domain.exact import CONTEXT, ZERO, settled
from shared.domain.instants import Micros
from shared.domain.kpis import Kpi
from shared.domain.people import Rep
from shared.domain.periods import Period
from shared.domain.targets import Asked, Due, TargetEntry, Targets, due_of_rep, due_of_team_total
from shared.domain.team_parts import Part
from shared.domain.tenant import Tenant

_DUES_KEPT = 16_384
"""About 300 bytes each: equal working time is kept once."""


class EffectiveTargets:
    """A tenant's targets; built once a configuration."""

    def __init__(self, tenant: Tenant) -> None:
        self._calendar = tenant.calendar
        self._reps = tenant.organisation.reps
        self._targets = Targets(tenant.targets, tenant.organisation)
        self._due_of_rep = lru_cache(maxsize=_DUES_KEPT)(self._work_out_due_of_rep)
        self._has_work = lru_cache(maxsize=_DUES_KEPT)(self._look_for_work)
        self._due_of_team = lru_cache(maxsize=_DUES_KEPT)(self._work_out_due_of_team)

    def of_rep(
        self, rep: Rep, kpi: Kpi, period: Period, *, now: Micros, days: tuple[date, ...] | None = None
    ) -> Asked | None:
        """What is asked of a rep in a period; None where nobody set a target or there is no working time.

        ``days`` restricts a prorated target to some of the period's days: those of a membership.
        """
        if not kpi.is_asked_of(period):
            return None
        if not kpi.prorated:
            return self._as_it_stands(self._targets.in_force(kpi.id, period.kind, rep, period.last), period, rep.zone)
        due = self._due_of_rep(rep.id, kpi.id, period, days)
        return None if due is None else due.asked(now)

    def of_team_total(self, team: str, kpi: Kpi, period: Period, *, now: Micros) -> Asked | None:
        """The pinned total of a team, prorated by the tenant's calendar only; None without such an entry."""
        if not kpi.is_asked_of(period):
            return None
        if not kpi.prorated:
            entry = self._targets.team_total(kpi.id, period.kind, team, period.last)
            return self._as_it_stands(entry, period, self._calendar.zone)
        due = self._due_of_team(team, kpi.id, period)
        return None if due is None else due.asked(now)

    def of_members(self, parts: Sequence[Part], kpi: Kpi, period: Period, *, now: Micros) -> Asked | None:
        """The sum of the members' targets; for what is not prorated the common one, None where they differ."""
        asked = (self.of_rep(part.rep, kpi, period, now=now, days=part.days) for part in parts)
        found = [each for each in asked if each is not None]
        if not found:
            return None
        if not kpi.prorated:
            return found[0] if all(each == found[0] for each in found) else None
        return Asked(
            _sum(each.target for each in found),
            _sum(each.expected for each in found),
            _sum(each.assigned for each in found),
        )

    def _as_it_stands(self, entry: TargetEntry | None, period: Period, zone: str) -> Asked | None:
        """The target of what is not prorated; None in a period without working time, as for every other."""
        if entry is None or not self._has_work(period, zone):
            return None
        return Asked(entry.value, entry.value, entry.value)

    def _look_for_work(self, period: Period, zone: str) -> bool:
        return any(self._calendar.whole_spans(day, zone) for day in period.days())

    def _work_out_due_of_rep(self, rep: str, kpi: str, period: Period, days: tuple[date, ...] | None) -> Due | None:
        return due_of_rep(self._targets, self._calendar, self._reps[rep], kpi=kpi, period=period, days=days)

    def _work_out_due_of_team(self, team: str, kpi: str, period: Period) -> Due | None:
        return due_of_team_total(self._targets, self._calendar, team, kpi=kpi, period=period)


def _sum(values: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for value in values:
        total = CONTEXT.add(total, value)
    return settled(total)
