"""Which readings differ between two configurations of a tenant, over the same facts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from cli.diff.folded import EMPTY, Pair
from shared.domain.cells import SubjectCells
from shared.domain.exact import CONTEXT
from shared.domain.kpis import Kpi
from shared.domain.periods import Period, PeriodKind, local_day
from shared.domain.reading import Moment, Reading
from shared.domain.readings import Org, Readings
from shared.domain.tenant import Tenant

ONE_DAY = timedelta(days=1)


class SubjectKind(StrEnum):
    """Whose numbers."""

    REP = "rep"
    TEAM = "team"


class Moved(Struct, frozen=True):
    """A number before and after; None: there is none."""

    old: Decimal | None
    new: Decimal | None

    @property
    def differs(self) -> bool:
        """Whether it moves."""
        return self.old != self.new

    @property
    def counts(self) -> bool:
        """Whether it moves by more than from none to nothing, as every day before a KPI's first fact does."""
        return self.differs and bool(self.old or self.new)

    @property
    def difference(self) -> Decimal | None:
        """By how much; None where one of them is none."""
        return None if self.old is None or self.new is None else CONTEXT.subtract(self.new, self.old)


class Change(Struct, frozen=True, kw_only=True):
    """A reading that moves. ``is_current``: its period contains now; closed ones from none to 0 are left out."""

    kind: SubjectKind
    subject: str
    kpi: str
    period_kind: PeriodKind
    period: str
    is_current: bool
    value: Moved
    target: Moved
    expected: Moved


class _Side:
    """One configuration with the cells that it gives."""

    def __init__(self, tenant: Tenant, cells: Mapping[str, SubjectCells], moment: Moment) -> None:
        self.tenant = tenant
        self.readings = Readings(tenant)
        self.cells = cells
        self.moment = moment

    def period(self, kind: PeriodKind, day: date) -> Period:
        return self.tenant.calendar.periods.containing(kind, day)

    def of_rep(self, rep: str, period: Period, *, all_kpis: bool) -> dict[str, Reading]:
        known = self.tenant.organisation.reps.get(rep)
        kpis = self._kpis(period, all_kpis=all_kpis)
        if known is None or not kpis:
            return {}
        found = self.readings.of_rep(known, kpis, period, self.cells.get(rep, EMPTY), moment=self.moment)
        return {reading.kpi: reading for reading in found}

    def of_team(self, team: str, period: Period, *, all_kpis: bool) -> dict[str, Reading]:
        known = self.tenant.organisation.teams.get(team)
        kpis = self._kpis(period, all_kpis=all_kpis)
        if known is None or not kpis:
            return {}
        found = self.readings.of_team(known, kpis, period, self.cells, moment=self.moment, org=Org.AS_WAS)
        return {reading.kpi: reading for reading in found}

    def _kpis(self, period: Period, *, all_kpis: bool) -> list[Kpi]:
        """Every KPI now; of closed periods those that have targets and alerts there."""
        known = self.readings.definitions.on(period.first).values()
        return [kpi for kpi in known if all_kpis or kpi.is_asked_of(period)]


class Comparison:
    """One tenant's two configurations; ``pairs``: the cells of every rep of either.

    ``since``: from then on every closed period is looked at, before it those with something that counts; None: since
    anything does.
    """

    def __init__(
        self, old: Tenant, new: Tenant, pairs: Mapping[str, Pair], moment: Moment, *, since: date | None
    ) -> None:
        self._pairs = pairs
        firsts = [day for pair in pairs.values() if (day := pair.first_day) is not None]
        self._since = since or min(firsts, default=None)
        self._now = moment.now
        self._old = _Side(old, {rep: pair.old for rep, pair in pairs.items()}, moment)
        self._new = _Side(new, {rep: pair.new for rep, pair in pairs.items()}, moment)
        self._meant_alike = _meaning(old) == _meaning(new)
        self._asked_alike = _asking(old) == _asking(new)

    def reps(self) -> Iterator[Change]:
        """Every reading of a rep that moves, the current periods first."""
        for rep in self._pairs:
            old, new = self._old.tenant.organisation.reps.get(rep), self._new.tenant.organisation.reps.get(rep)
            days = self._days([rep], alike=self._asked_alike and old == new)
            zones = [each.zone for each in (old, new) if each is not None]
            for kind, is_current, periods in self._periods(zones, days):
                found = (
                    _Side.of_rep(side, rep, period, all_kpis=is_current) if period else {}
                    for side, period in zip((self._old, self._new), periods, strict=True)
                )
                yield from _changes(SubjectKind.REP, rep, kind, periods, found, is_current=is_current)

    def teams(self) -> Iterator[Change]:
        """Every reading of a team that moves."""
        sides = (self._old, self._new)
        for team in dict.fromkeys(each for side in sides for each in side.tenant.organisation.teams):
            known = [side.tenant.organisation.teams.get(team) for side in sides]
            members = {rep.id for side in sides if team in side.tenant.organisation.teams
                       for rep in side.tenant.organisation.members_ever(team)}  # fmt: skip
            alike = self._asked_alike and self._same_people(members) and known[0] == known[1]
            days = self._days(members, alike=alike)
            zones = [each.zone for each in known if each is not None]
            for kind, is_current, periods in self._periods(zones, days):
                found = (
                    _Side.of_team(side, team, period, all_kpis=is_current) if period else {}
                    for side, period in zip(sides, periods, strict=True)
                )
                yield from _changes(SubjectKind.TEAM, team, kind, periods, found, is_current=is_current)

    def _same_people(self, reps: Iterable[str]) -> bool:
        old, new = self._old.tenant.organisation, self._new.tenant.organisation
        return all(old.reps.get(rep) == new.reps.get(rep) for rep in reps) and old.teams == new.teams

    def _days(self, reps: Iterable[str], *, alike: bool) -> Sequence[date]:
        """Days whose closed periods may read otherwise: those whose cells differ, or all of them."""
        pairs = [self._pairs[rep] for rep in reps if rep in self._pairs]
        if alike and self._meant_alike:
            return sorted({day for pair in pairs for day in pair.touched})
        counted = {day for pair in pairs for day in pair.days}
        if self._since is None:
            return sorted(counted)
        last = local_day(self._now, self._new.tenant.zone)
        every = (self._since + ONE_DAY * number for number in range((last - self._since).days + 1))
        return sorted({*counted, *every})

    def _periods(
        self, zones: Sequence[str], days: Sequence[date]
    ) -> Iterator[tuple[PeriodKind, bool, tuple[Period | None, Period | None]]]:
        """Periods to compare, paired by id: what contains now, then the closed ones, the newest first."""
        for kind in PeriodKind:
            today = {local_day(self._now, zone) for zone in zones}
            current = self._paired(kind, today)
            yield from ((kind, True, pair) for pair in current.values())
            closed = {name: pair for name, pair in self._paired(kind, days).items() if name not in current}
            yield from ((kind, False, closed[name]) for name in sorted(closed, reverse=True))

    def _paired(self, kind: PeriodKind, days: Iterable[date]) -> dict[str, tuple[Period | None, Period | None]]:
        chosen = list(days)
        old, new = ({p.id: p for p in (side.period(kind, day) for day in chosen)} for side in (self._old, self._new))
        return {name: (old.get(name), new.get(name)) for name in dict.fromkeys((*old, *new))}


def _meaning(tenant: Tenant) -> tuple[object, ...]:
    """What a value depends on besides cells."""
    return dict(tenant.kpis), tenant.calendar.periods, tenant.currencies


def _asking(tenant: Tenant) -> tuple[object, ...]:
    """What a target depends on besides the rep herself."""
    return tenant.targets, tenant.calendar, dict(tenant.organisation.teams)


def _changes(
    kind: SubjectKind,
    subject: str,
    period_kind: PeriodKind,
    periods: tuple[Period | None, Period | None],
    found: Iterable[Mapping[str, Reading]],
    *,
    is_current: bool,
) -> Iterator[Change]:
    old, new = found
    name = next(period.id for period in periods if period is not None)
    for kpi in dict.fromkeys((*old, *new)):
        before, after = old.get(kpi), new.get(kpi)
        value, target, expected = (
            Moved(
                None if before is None else getattr(before, part),
                None if after is None else getattr(after, part),
            )
            for part in ("value", "target", "expected_to_date")
        )
        moved = (value, target, expected)
        if any(each.differs if is_current else each.counts for each in moved):
            yield Change(
                kind=kind,
                subject=subject,
                kpi=kpi,
                period_kind=period_kind,
                period=name,
                is_current=is_current,
                value=value,
                target=target,
                expected=expected,
            )
