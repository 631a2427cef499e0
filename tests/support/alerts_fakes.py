# ruff: noqa: ARG002 - fakes take what their ports take
"""Builders and fakes for the alerts: they name what a test is about, the rest is a plain weekday in Berlin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from services.alerts.domain.notifications import Group, Notification, Outcome
from services.alerts.domain.routing import GroupRoute
from services.alerts.domain.watches import Watch
from services.alerts.ports import Announcement, Arrival, Claimed
from shared.domain.accumulators import Accumulator
from shared.domain.alerting import Alerting, ForEach, Receiver, Route, Rule, Severity, Test
from shared.domain.calendar import Calendar
from shared.domain.cells import CellQuery, SubjectCells, day_cell
from shared.domain.episodes import Episode, EpisodeState, Subject
from shared.domain.instants import SECOND_US, Micros, parse
from shared.domain.kpis import Aggregate, Better, Kpi, KpiType, Unit
from shared.domain.pace import Status
from shared.domain.people import Membership, Organisation, Rep, Team, WorkingWeek
from shared.domain.periods import PeriodKind, PeriodRules
from shared.domain.reading import PeriodBounds, Reading
from shared.domain.targets import Scope, TargetEntry
from shared.domain.tenant import Currencies, SourceRhythm, Tenant
from shared.errors import TransientError

MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY = date(2026, 11, 23)
"""A Monday."""
T0 = parse("2026-11-23T10:00:00Z")
"""11:00 in Berlin: two hours into the working day."""
BERLIN = "Europe/Berlin"
OFFICE = WorkingWeek(days=((((9 * 60, 17 * 60)),),) * 5 + ((), ()))
CALENDAR = Calendar(BERLIN, OFFICE)
ANA = Rep(id="ana", name="Ana Ruiz", zone=BERLIN, role="sdr", memberships=(Membership("emea-sdr"),))
BEN = Rep(id="ben", name="Ben Roth", zone=BERLIN, role="sdr", memberships=(Membership("emea-sdr"),))
EMEA = Team(id="emea", name="EMEA", zone=BERLIN)
SDRS = Team(id="emea-sdr", name="EMEA SDR", zone=BERLIN, parent="emea")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def rule(**changes: Any) -> Rule:
    """Calls a day behind 0.8 of the pace."""
    known: dict[str, Any] = {
        "id": "calls-behind",
        "kpi": "calls",
        "period": PeriodKind.DAY,
        "for_each": ForEach.REP,
        "test": Test.PACE_BELOW,
        "threshold": Decimal("0.8"),
    }
    return Rule(**known | changes)


def reading(**changes: Any) -> Reading:
    """Ana's calls of the day; decimals as text."""
    known: dict[str, Any] = {
        "rep": "ana",
        "kpi": "calls",
        "unit": Unit.COUNT,
        "period": PeriodBounds("day", "2026-11-23", "2026-11-22T23:00:00Z", "2026-11-23T23:00:00Z", BERLIN),
        "value": "9",
        "target": "60",
        "target_assigned": "60",
        "expected_to_date": "15",
        "attainment": "0.15",
        "pace": "0.6",
        "required_rate": "8",
        "status": Status.AT_RISK,
        "miss_probability": None,
        "definition": "calls",
        "version": 7,
        "measurable": True,
    }
    numbers = (
        "value",
        "target",
        "target_assigned",
        "expected_to_date",
        "attainment",
        "pace",
        "required_rate",
        "miss_probability",
    )
    merged = known | changes
    return Reading(**{k: Decimal(v) if k in numbers and v is not None else v for k, v in merged.items()})


def watch(of: Rule | None = None, rep: Rep = ANA, day: date = DAY) -> Watch:
    """A rule for a rep in the period that contains a day."""
    chosen = rule() if of is None else of
    period = PeriodRules().containing(chosen.period, day)
    subject = Subject(name=rep.name, rep=rep.id, team="emea-sdr")
    return Watch(chosen, subject, period, period.bounds(rep.zone)[1], rep=rep)


def episode(**changes: Any) -> Episode:
    """A firing episode of Ana's."""
    known: dict[str, Any] = {
        "id": "ep_1",
        "tenant": "acme",
        "dedup_key": "calls-behind/ana/day/2026-11-23",
        "rule": "calls-behind",
        "kpi": "calls",
        "severity": Severity.WARNING,
        "subject": Subject(name="Ana Ruiz", rep="ana", team="emea-sdr"),
        "period_kind": "day",
        "period_id": "2026-11-23",
        "period_end_at": parse("2026-11-23T23:00:00Z"),
        "state": EpisodeState.FIRING,
        "reason": "pace 0.6 is below 0.8",
        "started_at": T0,
        "changed_at": T0,
        "firing_at": T0,
    }
    return Episode(**known | changes)


def tenant(**changes: Any) -> Tenant:
    """Two SDRs with sixty calls a day to make, one source."""
    calls = Kpi(
        id="calls",
        name="Calls made",
        type=KpiType.LEADING,
        unit=Unit.COUNT,
        better=Better.HIGHER,
        aggregate=Aggregate.COUNT,
        facts=("call.logged",),
    )
    known: dict[str, Any] = {
        "id": "acme",
        "name": "Acme",
        "calendar": CALENDAR,
        "currencies": Currencies("EUR"),
        "organisation": Organisation({"emea": EMEA, "emea-sdr": SDRS}, {"ana": ANA, "ben": BEN}),
        "kpis": {"calls": calls},
        "targets": (TargetEntry(kpi="calls", period=PeriodKind.DAY, scope=Scope.ALL, value=Decimal(60)),),
        "sources": {"native": SourceRhythm("native", "native", expect_every_us=HOUR_US)},
        "owners": {},
    }
    return Tenant(**known | changes)


def alerting(*rules: Rule, url: str = "http://127.0.0.1:9/", routes: tuple[Route, ...] | None = None) -> Alerting:
    """Rules with one signed receiver that gets everything at once."""
    receiver = Receiver(id="ops", type="webhook", url=url, secret=SECRET)
    return Alerting(
        {"ops": receiver}, routes if routes is not None else (Route(receivers=("ops",)),), rules or (rule(),)
    )


class MemoryAlerts:
    """Episodes and groups in memory, with the fences of the real store."""

    def __init__(self) -> None:
        self.episodes: dict[str, Episode] = {}
        self.newest: dict[str, str] = {}
        self.changes: list[Episode] = []
        self.groups: dict[str, Group] = {}
        self._members: dict[str, set[str]] = {}
        self._due: dict[str, Micros] = {}
        self._touches: dict[str, int] = {}
        self._counter = 0
        self.is_whole = True
        self.log: dict[str, Episode] = {}
        """What ``unkept`` answers: what was published and may be lost here."""

    async def unkept(self, tenant: str) -> list[Episode]:
        return [each for each in self.log.values() if each.tenant == tenant]

    async def published(self, tenant: str) -> None:
        self.log.update((each.id, each) for each in self.changes)

    async def put_back(
        self, episode: Episode, *, forget: bool = False, announcements: Sequence[Announcement] = ()
    ) -> bool:
        stored = self.episodes.get(episode.id)
        if stored is not None and stored.version >= episode.version:
            return False
        newest = self.episodes.get(self.newest.get(episode.dedup_key, ""))
        if forget:
            self.episodes.pop(episode.id, None)
            if newest is not None and newest.id == episode.id:
                del self.newest[episode.dedup_key]
        else:
            self.episodes[episode.id] = episode
            if newest is None or newest.started_at < episode.started_at:
                self.newest[episode.dedup_key] = episode.id
        for each in announcements:
            self._touch(each, episode.id)
        return True

    async def known(self, tenant: str, key: str, route: GroupRoute | None) -> Group | None:
        if route is not None and key not in self.groups:
            self.groups[key] = Group(route=route)
            self._members.setdefault(key, set())
        return self.groups.get(key)

    async def latest(self, tenant: str, dedup_keys: Iterable[str]) -> dict[str, Episode]:
        ids = {key: self.newest.get(key, "") for key in dedup_keys}
        return {key: self.episodes[found] for key, found in ids.items() if self._is(tenant, found)}

    async def open(self, tenant: str) -> list[Episode]:
        return [each for each in self.episodes.values() if each.tenant == tenant and each.is_open]

    async def by_ids(self, tenant: str, ids: Iterable[str]) -> list[Episode]:
        return [self.episodes[each] for each in ids if self._is(tenant, each)]

    async def commit(
        self,
        episode: Episode,
        *,
        prior: Episode | None,
        forget: bool = False,
        announcements: Sequence[Announcement] = (),
    ) -> bool:
        if prior is not None and prior.id == episode.id:
            stored = self.episodes.get(episode.id)
            if stored is None or stored.version != prior.version:
                return False
        elif self.newest.get(episode.dedup_key) != (None if prior is None else prior.id):
            return False
        if forget:
            self.episodes.pop(episode.id, None)
            self.newest.pop(episode.dedup_key, None)
        else:
            self.episodes[episode.id] = episode
            self.newest[episode.dedup_key] = episode.id
        self.changes.append(episode)
        for each in announcements:
            self._touch(each, episode.id)
        return True

    async def prune(self, tenant: str, *, before: Micros, now: Micros) -> int:
        known = [each for each in self.episodes.values() if each.tenant == tenant and not each.is_open]
        gone = [each for each in known if each.changed_at < before and (each.period_end_at or 0) <= now]
        for each in gone:
            del self.episodes[each.id]
            if self.newest.get(each.dedup_key) == each.id:
                del self.newest[each.dedup_key]
        return len(gone)

    async def due(self, tenant: str, now: Micros, limit: int) -> list[str]:
        return sorted((key for key, at in self._due.items() if at <= now), key=self._due.__getitem__)[:limit]

    async def claim(self, tenant: str, key: str, *, now: Micros, until: Micros) -> Claimed | None:
        if key not in self._due or self._due[key] > now:
            return None
        self._due[key] = until
        return Claimed(self.groups[key], tuple(sorted(self._members[key])), str(self._touches[key]))

    async def settle(
        self,
        tenant: str,
        group: Group,
        *,
        due_at: Micros | None,
        drop: Iterable[str] = (),
        seen: str | None = None,
    ) -> bool:
        key = group.route.key
        if not self._may_settle(group, seen):
            return False
        self.groups[key] = replace(group, version=group.version + 1)
        self._due.pop(key, None)
        if due_at is not None:
            self._due[key] = due_at
        self._members[key] -= set(drop)
        return True

    async def remove(self, tenant: str, group: Group, *, seen: str) -> bool:
        if not self._may_settle(group, seen):
            return False
        for kept in (self.groups, self._due, self._members, self._touches):
            kept.pop(group.route.key, None)
        return True

    def _may_settle(self, group: Group, seen: str | None) -> bool:
        key = group.route.key
        stored = self.groups.get(key)
        fresh = stored is not None and stored.version == group.version
        return fresh and (seen is None or seen == str(self._touches[key]))

    def _touch(self, each: Announcement, episode_id: str) -> None:
        if each.route is not None:
            self.groups.setdefault(each.group, Group(route=each.route))
        if each.group in self.groups:
            self._members.setdefault(each.group, set()).add(episode_id)
            self._due[each.group] = min(each.due_at, self._due.get(each.group, each.due_at))
            self._counter += 1
            self._touches[each.group] = self._counter

    def _is(self, tenant: str, episode_id: str) -> bool:
        return episode_id in self.episodes and self.episodes[episode_id].tenant == tenant


class FilledBoard:
    """Calls of reps, by local day; ``away`` is what it raises instead of answering."""

    def __init__(self) -> None:
        self.calls: dict[tuple[str, date], int] = {}
        self.away: TransientError | None = None
        self.asked: list[set[str]] = []
        self.wanted: list[Mapping[str, CellQuery]] = []

    async def read(self, tenant: str, wanted: Mapping[str, CellQuery]) -> dict[str, SubjectCells]:
        if self.away is not None:
            raise self.away
        self.asked.append(set(wanted))
        self.wanted.append(wanted)
        return {rep: SubjectCells(1, self._cells(rep)) for rep in wanted}

    def _cells(self, rep: str) -> dict[str, dict[str, Accumulator]]:
        return {day_cell(day): {"calls": Accumulator(n)} for (whose, day), n in self.calls.items() if whose == rep}


class SpokenSources:
    """When sources last spoke, as the test says."""

    def __init__(self) -> None:
        self.last: dict[str, Micros] = {}

    async def last_received(self, tenant: str) -> dict[str, Micros]:
        return self.last


class ToldHistory:
    """Imports as the test says; ``looks`` are answered first, one each."""

    def __init__(self) -> None:
        self.now = Arrival()
        self.looks: list[Arrival] = []

    async def arrival(self, tenant: str) -> Arrival:
        return self.looks.pop(0) if self.looks else self.now

    async def judged(self, tenant: str, arrived: str) -> None:
        if self.now.arrived == arrived:
            self.now = Arrival(self.now.arriving)


class FixedMarks:
    """As the test says; at first no aggregator has set any."""

    def __init__(self) -> None:
        self.marks: list[Micros] = []

    async def read(self) -> list[Micros]:
        return self.marks


class OwnLease:
    """Held unless the test takes it away."""

    def __init__(self) -> None:
        self.free = True

    async def hold(self, tenant: str) -> bool:
        return self.free


class ScriptedNotifier:
    """Answers with the outcomes that the test lines up, then accepts; keeps what was sent."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.sent: list[Notification] = []

    async def deliver(self, receiver: Receiver, notification: Notification, now: Micros) -> tuple[Outcome, str]:
        self.sent.append(notification)
        return (self.outcomes.pop(0) if self.outcomes else Outcome.DELIVERED), "scripted"
