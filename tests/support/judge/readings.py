"""Values: which facts are whose, in which period. Contract 4.6 and 4.7."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.judge.asked import Asked, Spans, Targets
from tests.support.judge.counting import Counted, Kpis
from tests.support.judge.people import People
from tests.support.judge.records import Fact, facts_of
from tests.support.judge.standing import Situation, shown
from tests.support.judge.times import ONE_DAY, Span, local_day, present_on, seconds, span, whole_on
from tests.support.judge.written import dated

DEFAULT_CREDIT = {"deal": "at_fact", "*": "current"}
HISTORY_DAYS = 90
At = date | datetime


class Judge:
    """`configuration`: the files by name (tenant, people, sources, kpis, targets); `events`: all that was ever sent.

    `now` decides what is over, due and held; every method answers with exact fractions, None for null.
    """

    def __init__(self, configuration: dict[str, Any], events: Iterable[dict[str, Any]], *, now: datetime) -> None:
        configuration = dated(configuration)
        self.tenant = configuration["tenant"]
        self.now = now
        self.people = People(self.tenant, configuration["people"], configuration["sources"])
        self.kpis = Kpis(self.tenant, configuration["kpis"])
        self.targets = Targets(self.people, (configuration.get("targets") or {}).get("targets", []))
        self.of: dict[str, list[Counted]] = {rep: [] for rep in self.people.reps}
        self.unmapped: list[Fact] = []
        self.rep_span, self.team_span = cache(self._rep_span), cache(self._team_span)
        self.parts, self.rep_asked = cache(self._parts), cache(self._rep_asked)
        for fact in facts_of(events, DEFAULT_CREDIT | self.tenant.get("credit", {})):
            rep = self.people.rep_of(fact.source, fact.owner)
            if rep is not None:
                self.of[rep].append(Counted(fact, rep, self.people.zone(rep)))
            elif fact.owner is not None:
                self.unmapped.append(fact)

    # --- periods ------------------------------------------------------------------------------------------------

    def _rep_span(self, rep: str, kind: str, at: At) -> Span:
        return span(kind, at, self.people.zone(rep), self.tenant)

    def _team_span(self, team: str, kind: str, at: At) -> Span:
        return span(kind, at, self.people.team_zone(team), self.tenant)

    def own_span(self, rep: str, period: Span, at: At) -> Span:
        """A member's own period of the same id as the team's."""
        if period.kind.startswith("rolling:"):
            return self.rep_span(rep, period.kind, at)
        return self.rep_span(rep, period.kind, period.first)

    def is_now(self, period: Span) -> bool:
        return period.contains(self.now) and not period.kind.startswith("rolling:")

    # --- values -------------------------------------------------------------------------------------------------

    def facts_in(self, rep: str, period: Span) -> list[Counted]:
        """The rep's moments in the period, and what is open now if the period contains now."""
        stands = self.is_now(period)
        return [one for one in self.of[rep] if (stands if one.fact.state else period.contains(one.fact.at))]

    def rep_value(self, rep: str, kpi: str, period: Span) -> Fraction | None:
        return self.kpis.value(kpi, period.first, self.facts_in(rep, period), is_now=self.is_now(period))

    def _parts(self, team: str, period: Span, at: At, org: str) -> dict[str, tuple[Span, frozenset[date] | None]]:
        """Each member's own period, and the days of it on which she is one (None: all)."""
        found: dict[str, tuple[Span, frozenset[date] | None]] = {}
        for rep in self.people.reps:
            own = self.own_span(rep, period, at)
            if org == "as_is":
                today = local_day(self.now, ZoneInfo(self.tenant["time_zone"]))
                if self.people.is_member(rep, team, today):
                    found[rep] = own, None
                continue
            days = frozenset(day for day in own.days() if self.people.is_member(rep, team, day))
            if days:
                found[rep] = own, days
        return found

    def team_value(self, team: str, kpi: str, period: Span, at: At, org: str) -> Fraction | None:
        facts: list[Counted] = []
        parts = self.parts(team, period, at, org)
        for rep, (own, days) in parts.items():
            for one in self.facts_in(rep, own):
                day = local_day(self.now if one.fact.state else one.fact.at, one.zone)
                if days is None or day in days:
                    facts.append(one)
        is_now = any(self.is_now(own) for own, _ in parts.values()) if parts else self.is_now(period)
        return self.kpis.value(kpi, period.first, facts, is_now=is_now)

    # --- readings -----------------------------------------------------------------------------------------------

    def rep(self, rep: str, kpi: str, kind: str, at: At | None = None) -> dict[str, Any]:
        """The reading of a rep in the period that contains `at`."""
        period = self.rep_span(rep, kind, self.now if at is None else at)
        zone, one = self.people.zone(rep), self.people.reps[rep]
        left = sum(
            (seconds(present_on(self.tenant, one, zone, day), after=self.now) for day in period.days()), Fraction(0)
        )
        situation = Situation(self.now >= period.end, left / 3600, self.best_of_rep(rep, kpi, period))
        return shown(
            self.kpis.shown_version(kpi, period.first),
            period,
            self.rep_value(rep, kpi, period),
            self.rep_asked(rep, kpi, period),
            situation,
        )

    def team(self, team: str, kpi: str, kind: str, at: At | None = None, org: str = "as_was") -> dict[str, Any]:
        """The reading of a team in the period that contains `at`."""
        asked_at = self.now if at is None else at
        period = self.team_span(team, kind, asked_at)
        version = self.kpis.shown_version(kpi, period.first)
        parts = self.parts(team, period, asked_at, org)
        members = self.members_asked(parts, kpi, period)
        prorated = self.kpis.is_prorated(version)
        pinned = None
        if not kind.startswith("rolling:"):
            pinned = self.targets.of_total(kpi, period, team, self.now, prorated=prorated)
        zone = ZoneInfo(self.tenant["time_zone"])
        spans = [
            one
            for n in range(-1, len(period.days()) + 1)
            for one in whole_on(self.tenant, zone, period.first + n * ONE_DAY)
        ]
        left = seconds(spans, after=max(self.now, period.start), before=period.end)
        best = self.best_of_team(kpi, period, list(parts), self.people.team_zone(team))
        found = shown(
            version,
            period,
            self.team_value(team, kpi, period, asked_at, org),
            pinned or members,
            Situation(self.now >= period.end, left / 3600, best),
        )
        if pinned is not None:
            places = 4 if version["unit"] == "money" else 6
            found |= {"pinned": True, "members_target": None if members is None else round(members.target, places)}
        return found

    def _rep_asked(self, rep: str, kpi: str, period: Span, days: frozenset[date] | None = None) -> Asked | None:
        version = self.kpis.in_force(kpi, period.first)
        if version is None or period.kind.startswith("rolling:"):
            return None
        prorated = self.kpis.is_prorated(version)
        chosen = None if days is None else sorted(days)
        return self.targets.of_rep(kpi, period, rep, self.now, prorated=prorated, days=chosen)

    def members_asked(
        self, parts: dict[str, tuple[Span, frozenset[date] | None]], kpi: str, period: Span
    ) -> Asked | None:
        """The members' sum; for what is not prorated the common one, null if they differ."""
        each = [self.rep_asked(rep, kpi, own, days) for rep, (own, days) in parts.items()]
        found = [one for one in each if one is not None]
        if not found:
            return None
        if not self.kpis.is_prorated(self.kpis.shown_version(kpi, period.first)):
            return found[0] if all(one == found[0] for one in found) else None
        return Asked(
            sum((one.target for one in found), Fraction(0)),
            sum((one.expected for one in found), Fraction(0)),
            sum((one.assigned for one in found), Fraction(0)),
        )

    # --- the best day -------------------------------------------------------------------------------------------

    def best_of_rep(self, rep: str, kpi: str, period: Span) -> Fraction | None:
        """The most that one of the 90 days before today gave per working hour; None where no day gave anything."""
        zone, one = self.people.zone(rep), self.people.reps[rep]
        return self.best(kpi, period, [rep], zone, lambda day: present_on(self.tenant, one, zone, day))

    def best_of_team(self, kpi: str, period: Span, members: list[str], zone: ZoneInfo) -> Fraction | None:
        own = ZoneInfo(self.tenant["time_zone"])
        return self.best(kpi, period, members, zone, lambda day: whole_on(self.tenant, own, day))

    def best(
        self, kpi: str, period: Span, reps: list[str], zone: ZoneInfo, hours: Callable[[date], Spans]
    ) -> Fraction | None:
        version = self.kpis.in_force(kpi, period.first)
        if version is None or not self.kpis.is_prorated(version):
            return None
        today = local_day(self.now, zone)
        by_day: dict[date, list[Counted]] = {}
        for rep in reps:
            for one in self.of[rep]:
                if not one.fact.state:
                    by_day.setdefault(local_day(one.fact.at, one.zone), []).append(one)
        rates = []
        for day, facts in by_day.items():
            worked = seconds(hours(day)) / 3600 if timedelta(1) <= today - day <= timedelta(HISTORY_DAYS) else 0
            value = self.kpis.value_of(version, period.first, facts, is_now=False)
            if worked and value:
                rates.append(value / worked)
        return max(rates, default=None)
