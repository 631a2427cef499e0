"""How a team's numbers grew over a period, beside what was due by then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct

from services.api.domain.receipts import Holding, counted_in, receipts
from shared.domain.accumulators import Tally, result
from shared.domain.cells import SubjectCells, day_cell
from shared.domain.changes import value_text
from shared.domain.exact import CONTEXT, ZERO
from shared.domain.facts import Fact
from shared.domain.instants import HOUR_US, Micros, text
from shared.domain.kpis import Aggregate, Kpi
from shared.domain.people import Rep, Team
from shared.domain.periods import ONE_DAY, Period, PeriodKind, day_start
from shared.domain.reading import PeriodBounds, shown
from shared.domain.targets import Targets, due_of_rep, due_of_team_total
from shared.domain.tenant import Tenant

GROWING = frozenset({Aggregate.COUNT, Aggregate.SUM, Aggregate.DISTINCT})
"""What adds up over a period; a ratio, an average and a stock have no cumulative line."""
Steps: TypeAlias = list[tuple[Micros, Decimal]]
"""Instants, the earliest first, and the value from then on."""


class Point(Struct, frozen=True):
    """As of ``at``: the value so far, None after now; what was due by then, None without a target."""

    at: str
    value: Decimal | None
    expected: Decimal | None


class Trend(Struct, frozen=True):
    """One KPI's line of a team in a period."""

    kpi: str
    period: PeriodBounds
    points: list[Point]


class Part(Struct, frozen=True):
    """A rep and the days of a period on which her facts are the team's."""

    rep: Rep
    days: tuple[date, ...]


def parts_of(tenant: Tenant, team: str, period: Period) -> list[Part]:
    """Everybody who has a part in a team's period, as the memberships were."""
    organisation = tenant.organisation
    subtree = organisation.subtree(team)
    found = (
        Part(rep, tuple(day for day in period.days() if not subtree.isdisjoint(rep.teams_on(day))))
        for rep in organisation.members_ever(team)
    )
    return [part for part in found if part.days]


def instants(period: Period, zone: str, now: Micros) -> list[Micros]:
    """The period's start, each hour of a day or each day's end, and now where it lies within."""
    start, end = period.bounds(zone)
    if period.kind is PeriodKind.DAY:
        steps = [*range(start, end, HOUR_US), end]
    else:
        steps = [start, *(day_start(day + ONE_DAY, zone) for day in period.days())]
    return sorted({*steps, now} if start <= now < end else steps)


def expected_by(
    tenant: Tenant, team: Team, parts: Sequence[Part], kpi: Kpi, *, period: Period, at: Sequence[Micros]
) -> list[Decimal] | None:
    """The team's expected line by the rule of targets: its pinned total, else the members' sum; None without any."""
    targets = Targets(tenant.targets, tenant.organisation)
    pinned = due_of_team_total(targets, tenant.calendar, team.id, kpi=kpi.id, period=period)
    if pinned is not None:
        return pinned.expected(at)
    dues = (due_of_rep(targets, tenant.calendar, part.rep, kpi=kpi.id, period=period, days=part.days) for part in parts)
    lines = [due.expected(at) for due in dues if due is not None]
    return [_total(values) for values in zip(*lines, strict=True)] if lines else None


def values_by_day(
    tenant: Tenant,
    kpis: Sequence[Kpi],
    parts: Sequence[Part],
    cells: Mapping[str, SubjectCells],
    *,
    last: date,
    zone: str,
) -> dict[str, Steps]:
    """By KPI, the value at the end of each day up to ``last``, from the members' day cells."""
    definitions = [kpi.definition for kpi in kpis if kpi.aggregate is Aggregate.DISTINCT]
    steps: dict[str, Steps] = {kpi.id: [] for kpi in kpis}
    tally = Tally.empty()
    for day in sorted({day for part in parts for day in part.days if day <= last}):
        for part in parts:
            if day in part.days:
                own = cells.get(part.rep.id, SubjectCells())
                tally.take_tally(own.tally([day_cell(day)], definitions))
        for kpi in kpis:
            steps[kpi.id].append((day_start(day + ONE_DAY, zone), result(kpi, tally, tenant.kpis) or ZERO))
    return steps


def growth(tenant: Tenant, kpi: Kpi, members: Iterable[tuple[Rep, Sequence[Fact]]], period: Period) -> Steps:
    """The value after each counted fact of a day; a distinct value counts once for the team."""
    seen: set[str] = set()
    value, steps = ZERO, []
    for at, adds, named in sorted(_counted(tenant, kpi, members, period), key=lambda found: found[0]):
        if kpi.aggregate is not Aggregate.DISTINCT:
            value = CONTEXT.add(value, adds)
        elif named not in seen:
            seen.add(named)
            value = Decimal(len(seen))
        steps.append((at, value))
    return steps


def sampled(steps: Steps, at: Sequence[Micros], now: Micros) -> list[Decimal | None]:
    """The value as of each instant, the earliest first: None after now; all there is at now and at the end."""
    found: list[Decimal | None] = []
    value, place = ZERO, 0
    for instant in at:
        whole = instant == now or instant == at[-1]
        while place < len(steps) and (whole or steps[place][0] <= instant):
            value = steps[place][1]
            place += 1
        found.append(value if instant <= now else None)
    return found


def _counted(
    tenant: Tenant, kpi: Kpi, members: Iterable[tuple[Rep, Sequence[Fact]]], period: Period
) -> Iterator[tuple[Micros, Decimal, str]]:
    for rep, facts in members:
        start, end = period.bounds(rep.zone)
        inside = [fact for fact in facts if counted_in(kpi, fact, start, end, is_now=False)]
        for receipt in receipts(tenant, kpi, [Holding(rep.id, rep.zone, inside)]):
            if receipt.outcome.counts:
                value = receipt.fact.fields.get(kpi.field or "")
                yield receipt.fact.at, receipt.adds or ZERO, "" if value is None else value_text(value)


def trend_of(
    kpi: Kpi,
    bounds: PeriodBounds,
    at: Sequence[Micros],
    *,
    values: Sequence[Decimal | None],
    expected: Sequence[Decimal] | None,
) -> Trend:
    """Values and what was expected at the same instants, rounded for show."""
    due: Sequence[Decimal | None] = expected or [None] * len(at)
    points = [
        Point(text(instant), shown(value, kpi.unit), shown(asked, kpi.unit))
        for instant, value, asked in zip(at, values, due, strict=True)
    ]
    return Trend(kpi.id, bounds, points)


def _total(values: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for value in values:
        total = CONTEXT.add(total, value)
    return total
