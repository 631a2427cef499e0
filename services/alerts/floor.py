"""One tenant as the evaluator holds it: rules, readings, and who is watched by what at the moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.alerts.domain.watches import Watch, moves_with_time, watches
from shared.domain.alerting import Alerting
from shared.domain.instants import SECOND_US, Micros
from shared.domain.readings import Readings
from shared.domain.tenant import Tenant

FRESH_US = 60 * SECOND_US
"""Watches are drawn up anew this often, and as soon as a period ends: memberships change with the day."""


class Floor:
    """A tenant's rules and subjects.

    ``held``: whether this process judges it; ``measurable``: what the last tick found; ``sweep_at``: when everybody is
    judged again; ``foreseen``: the KPIs, in all versions, of rules that judge what is likely.
    """

    def __init__(self, tenant: Tenant, alerting: Alerting) -> None:
        self.tenant = tenant
        self.alerting = alerting
        self.readings = Readings(tenant, keeps_histories=True)
        foreseen = {rule.kpi for rule in alerting.rules if rule.foresees}
        self.foreseen = tuple(kpi for kpi in tenant.kpis.values() if kpi.id in foreseen and kpi.prorated)
        self.held = False
        self.measurable = True
        self.sweep_at: Micros = 0
        self._watches: tuple[Watch, ...] = ()
        self._drawn_at: Micros = 0
        self._fresh_until: Micros = 0

    def watches(self, now: Micros) -> tuple[Watch, ...]:
        """Every watch at an instant."""
        if not self._drawn_at <= now < self._fresh_until:  # a clock that was set back draws them anew, too
            self._drawn_at = now
            self._watches = tuple(watches(self.tenant, self.alerting.rules, self.readings.definitions, now))
            self._fresh_until = min([now + FRESH_US, *(watch.end_at for watch in self._watches)])
        return self._watches

    def of_reps(self, reps: Iterable[str], now: Micros) -> list[Watch]:
        """The watches that a change of some reps' numbers can move: their own and their teams'."""
        changed = frozenset(reps)
        known = self.tenant.organisation.reps
        teams = {membership.team for rep in changed if rep in known for membership in known[rep].memberships}
        above = {team for own in teams for team in self.tenant.organisation.ancestry(own)}
        return [
            watch
            for watch in self.watches(now)
            if (watch.rep is not None and watch.rep.id in changed)
            or (watch.team is not None and watch.team.id in above)
        ]

    def of_the_clock(self, pending: Iterable[str], now: Micros) -> list[Watch]:
        """The watches that time alone can move: working time that moves what is expected, and holds that run."""
        holding = frozenset(pending)
        calendar = self.tenant.calendar
        return [
            watch for watch in self.watches(now) if watch.dedup_key in holding or moves_with_time(watch, calendar, now)
        ]

    def gone(self, dedup_keys: Iterable[str], now: Micros) -> Sequence[str]:
        """Of some dedup keys, those that nothing watches any more."""
        watched = {watch.dedup_key for watch in self.watches(now)}
        return [key for key in dedup_keys if key not in watched]
