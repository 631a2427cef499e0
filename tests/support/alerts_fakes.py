"""Builders and fakes for the alerts: they name what a test is about, the rest is a plain weekday in Berlin."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from services.alerts.domain.watches import Watch
from shared.domain.alerting import Alerting, ForEach, Receiver, Route, Rule, Test
from shared.domain.calendar import Calendar
from shared.domain.episodes import Episode, EpisodeState, Subject
from shared.domain.instants import SECOND_US, Micros, parse
from shared.domain.kpis import Aggregate, Better, Kpi, KpiType, Unit
from shared.domain.pace import Status
from shared.domain.people import Membership, Organisation, Rep, Team, WorkingWeek
from shared.domain.periods import PeriodKind, PeriodRules
from shared.domain.reading import PeriodBounds, Reading
from shared.domain.targets import Scope, TargetEntry
from shared.domain.tenant import Currencies, SourceRhythm, Tenant

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


class ManualClock:
    """A clock whose hands the test turns."""

    def __init__(self, now: Micros = T0) -> None:
        self.instant = now

    def now(self) -> Micros:
        """The instant that the test chose."""
        return self.instant

    def advance(self, length_us: Micros) -> None:
        """Turns the hands forward."""
        self.instant += length_us


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
    numbers = ("value", "target", "target_assigned", "expected_to_date", "attainment", "pace", "required_rate")
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
    from shared.domain.alerting import Severity

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


def labels(**known: str) -> Mapping[str, str]:
    """A route's match."""
    return known
