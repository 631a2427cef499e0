"""Who is watched by which rule: one watch a rule, subject and period."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from shared.domain.alerting import ForEach, Recovery, Rule, Selection, Test
from shared.domain.calendar import Calendar
from shared.domain.definitions import Definitions
from shared.domain.episodes import Subject
from shared.domain.instants import Micros
from shared.domain.people import Organisation, Rep, Team
from shared.domain.periods import Period, local_day
from shared.domain.tenant import Tenant


class Watch(Struct, frozen=True):
    """A rule for one subject in the period that contains now. ``rep`` None: a team is watched, ``team`` it is."""

    rule: Rule
    subject: Subject
    period: Period
    end_at: Micros
    rep: Rep | None = None
    team: Team | None = None

    @property
    def dedup_key(self) -> str:
        """The same for every episode of this rule, subject and period."""
        return f"{self.rule.id}/{self.subject.id}/{self.period.kind}/{self.period.id}"


def watches(tenant: Tenant, rules: tuple[Rule, ...], definitions: Definitions, now: Micros) -> Iterator[Watch]:
    """Every watch of a tenant at an instant; none where the KPI's version in force does not list the period."""
    for rule in rules:
        for watch in _of_reps(tenant, rule, now) if rule.for_each is ForEach.REP else _of_teams(tenant, rule, now):
            kpi = definitions.on(watch.period.first).get(rule.kpi)
            if kpi is None or kpi.is_asked_of(watch.period):  # None: for the judgement to stumble over and count
                yield watch


def _of_reps(tenant: Tenant, rule: Rule, now: Micros) -> Iterator[Watch]:
    for rep in tenant.organisation.reps.values():
        today = local_day(now, rep.zone)
        if (rep.hired is not None and today < rep.hired) or not _selected(rule.select, rep, tenant.organisation, now):
            continue
        period = tenant.calendar.periods.containing(rule.period, today)
        subject = Subject(name=rep.name, rep=rep.id, team=tenant.organisation.first_team(rep, today))
        yield Watch(rule, subject, period, period.bounds(rep.zone)[1], rep=rep)


def _of_teams(tenant: Tenant, rule: Rule, now: Micros) -> Iterator[Watch]:
    chosen = rule.select.team
    wanted = None if chosen is None else tenant.organisation.subtree(chosen)
    for team in tenant.organisation.teams.values():
        if wanted is not None and team.id not in wanted:
            continue
        period = tenant.calendar.periods.containing(rule.period, local_day(now, team.zone))
        yield Watch(rule, Subject(name=team.name, team=team.id), period, period.bounds(team.zone)[1], team=team)


def _selected(select: Selection, rep: Rep, organisation: Organisation, now: Micros) -> bool:
    if select.rep not in (None, rep.id) or select.role not in (None, rep.role):
        return False
    return select.team is None or organisation.is_member(rep, select.team, local_day(now, rep.zone))


def moves_with_time(watch: Watch, calendar: Calendar, now: Micros) -> bool:
    """Whether working time alone can change the verdict: it moves what is expected, and what is likely."""
    rule = watch.rule
    paced = rule.test is Test.PACE_BELOW or rule.recovery is Recovery.PACE_AT_LEAST or rule.min_expected > 0
    return (paced or rule.foresees) and calendar.is_working(watch.rep, now)
