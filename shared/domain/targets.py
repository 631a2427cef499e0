"""What is asked of whom: the entry in force, and the effective target by working time. Contract 4.9."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from enum import IntEnum

from msgspec import Struct

from shared.domain.calendar import Calendar, Worked, length, worked_in
from shared.domain.exact import CONTEXT, ZERO
from shared.domain.instants import Micros
from shared.domain.people import DateSpan, Organisation, Rep
from shared.domain.periods import Period, PeriodKind

ONE = Decimal(1)


class Scope(IntEnum):
    """Whom an entry is for, the least specific first."""

    ALL = 0
    ROLE = 1
    TEAM = 2
    REP = 3
    TEAM_TOTAL = 4


class TargetEntry(Struct, frozen=True, kw_only=True):
    """One line of targets.yaml; ``order`` is its place in the files: of equals, the later line wins."""

    kpi: str
    period: PeriodKind
    scope: Scope
    id: str = ""
    value: Decimal
    span: DateSpan = DateSpan()
    ramp: tuple[Decimal, ...] = ()
    seasonality: Mapping[int, Decimal] = {}
    order: int = 0

    def factor(self, rep: Rep | None, day: date) -> Decimal:
        """Ramp by whole months since ``hired`` times the season of the calendar month."""
        return CONTEXT.multiply(self._ramp(rep, day), self.seasonality.get(day.month, ONE))

    def _ramp(self, rep: Rep | None, day: date) -> Decimal:
        if rep is None or rep.hired is None:
            return ONE
        months = whole_months(rep.hired, day)
        return self.ramp[months] if 0 <= months < len(self.ramp) else ONE


class Asked(Struct, frozen=True):
    """A target in a period: effective, the part of it due by now, and the entry before ramp, season and absence."""

    target: Decimal
    expected: Decimal
    assigned: Decimal


def whole_months(hired: date, day: date) -> int:
    """Completed months of service, by anniversaries; negative before ``hired``."""
    months = (day.year - hired.year) * 12 + day.month - hired.month
    return months - 1 if day.day < hired.day else months


class Targets:
    """The entries of a tenant, found by KPI and period kind."""

    def __init__(self, entries: Iterable[TargetEntry], organisation: Organisation) -> None:
        self._organisation = organisation
        self._entries: dict[tuple[str, PeriodKind], list[TargetEntry]] = {}
        for entry in entries:
            self._entries.setdefault((entry.kpi, entry.period), []).append(entry)

    def in_force(self, kpi: str, kind: PeriodKind, rep: Rep, day: date) -> TargetEntry | None:
        """The entry for a rep on a day: most specific, then latest ``from``, then the later line."""
        ranked = (
            ((rank, entry.span.first or date.min, entry.order), entry)
            for entry in self._entries.get((kpi, kind), ())
            if day in entry.span and (rank := self._rank(entry, rep, day)) is not None
        )
        return max(ranked, key=lambda pair: pair[0], default=(None, None))[1]

    def team_total(self, kpi: str, kind: PeriodKind, team: str, day: date) -> TargetEntry | None:
        """The team's own pinned entry on a day, if it has one."""
        found = [
            entry
            for entry in self._entries.get((kpi, kind), ())
            if entry.scope is Scope.TEAM_TOTAL and entry.id == team and day in entry.span
        ]
        return max(found, key=lambda entry: (entry.span.first or date.min, entry.order), default=None)

    def _rank(self, entry: TargetEntry, rep: Rep, day: date) -> tuple[int, int] | None:
        """How specific an entry is for a rep, None where it is not for her; nearer teams rank higher."""
        match entry.scope:
            case Scope.REP:
                return (Scope.REP, 0) if entry.id == rep.id else None
            case Scope.ROLE:
                return (Scope.ROLE, 0) if entry.id == rep.role else None
            case Scope.ALL:
                return (Scope.ALL, 0)
            case Scope.TEAM:
                distances = [
                    distance
                    for own in rep.teams_on(day)
                    for distance, team in enumerate(self._organisation.ancestry(own))
                    if team == entry.id
                ]
                return (Scope.TEAM, -min(distances)) if distances else None
            case Scope.TEAM_TOTAL:
                return None


class Due(Struct, frozen=True):
    """A prorated target as working time brings it due: whatever is asked of equal days, by their working time.

    ``whole`` is the period's working time by the tenant's hours, in microseconds. Nothing in it moves with time.
    """

    rates: tuple[tuple[Decimal, Worked], ...]
    whole: Micros
    assigned: Decimal

    def asked(self, now: Micros) -> Asked:
        """The target, and the part of it that is due by now."""
        return Asked(self._share(worked.total for _, worked in self.rates), self._due_by(now), self.assigned)

    def expected(self, instants: Iterable[Micros]) -> list[Decimal]:
        """What is due by each of some instants."""
        return [self._due_by(instant) for instant in instants]

    def _due_by(self, now: Micros) -> Decimal:
        return self._share(worked.until(now) for _, worked in self.rates)

    def _share(self, times: Iterable[Micros]) -> Decimal:
        total = ZERO
        for (rate, _), time in zip(self.rates, times, strict=True):
            total = CONTEXT.add(total, CONTEXT.multiply(rate, time))
        return CONTEXT.divide(total, self.whole)


def due_of_rep(
    targets: Targets,
    calendar: Calendar,
    rep: Rep,
    *,
    kpi: str,
    period: Period,
    days: Iterable[date] | None = None,
) -> Due | None:
    """How a rep's prorated target falls due; None where nobody set one or there is no working time.

    ``days`` restricts it to some of the period's days: those of a membership.
    """
    whole = sum(length(calendar.whole_spans(day, rep.zone)) for day in period.days())
    rates, last = _Rates(), None
    for day in period.days() if days is None else days:
        entry = targets.in_force(kpi, period.kind, rep, day)
        if entry is not None:
            last = entry
            if rep.hired is None or day >= rep.hired:
                rates.add(CONTEXT.multiply(entry.value, entry.factor(rep, day)), calendar.present_spans(rep, day))
    return None if whole == 0 or last is None else Due(rates.worked(), whole, last.value)


def due_of_team_total(targets: Targets, calendar: Calendar, team: str, *, kpi: str, period: Period) -> Due | None:
    """How a team's pinned total falls due by the tenant's calendar; None without such an entry or working time."""
    rates, last, whole = _Rates(), None, 0
    for day in period.days():
        spans = calendar.whole_spans(day, calendar.zone)
        whole += length(spans)
        entry = targets.team_total(kpi, period.kind, team, day)
        if entry is not None:
            last = entry
            rates.add(CONTEXT.multiply(entry.value, entry.factor(None, day)), spans)
    return None if whole == 0 or last is None else Due(rates.worked(), whole, last.value)


class _Rates:
    """Days by what is asked of them; few differ, however long a period is."""

    def __init__(self) -> None:
        self._spans: dict[Decimal, list[tuple[Micros, Micros]]] = {}

    def add(self, rate: Decimal, spans: Iterable[tuple[Micros, Micros]]) -> None:
        """Takes a day, in order."""
        self._spans.setdefault(rate, []).extend(spans)

    def worked(self) -> tuple[tuple[Decimal, Worked], ...]:
        """Each rate with the working time that it is asked of."""
        return tuple((rate, worked_in(tuple(spans))) for rate, spans in self._spans.items())
