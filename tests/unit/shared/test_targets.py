"""Effective targets and what is due by now, contract section 4.9."""

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.effective_targets import EffectiveTargets
from shared.domain.instants import Micros, from_datetime
from shared.domain.kpis import Aggregate
from shared.domain.people import DateSpan, Rep, WorkingWeek
from shared.domain.periods import Period, PeriodKind, PeriodRules
from shared.domain.targets import Asked, Scope, TargetEntry, whole_months
from tests.support.tenants import calendar, kpi, rep, target, team, tenant

MONDAY = date(2026, 11, 23)
HALF_DAY = WorkingWeek((((9 * 60, 13 * 60),),) * 5 + ((),) * 2)


def at(day: int, hour: int, month: int = 11) -> Micros:
    return from_datetime(datetime(2026, month, day, hour, tzinfo=UTC))


LATER = at(30, 23)


def period(kind: PeriodKind = PeriodKind.DAY, day: date = MONDAY) -> Period:
    return PeriodRules().containing(kind, day)


def asked(
    *entries: TargetEntry,
    who: Rep | None = None,
    of: Period | None = None,
    now: Micros = LATER,
    prorated: bool = True,
    closed: tuple[date, ...] = (),
) -> Asked | None:
    subject = who or rep()
    teams = (team("world"), team("emea", parent="world"), team("sdr", parent="emea"))
    configured = tenant(
        reps=[subject],
        teams=teams,
        targets=entries,
        kpis=[kpi(aggregate=Aggregate.COUNT if prorated else Aggregate.AVERAGE)],
        calendar=calendar(closed=frozenset(closed)),
    )
    return EffectiveTargets(configured).of_rep(subject, configured.kpis["calls"], of or period(), now=now)


def test_nobody_asks_without_an_entry() -> None:
    assert asked() is None


def test_an_ordinary_day_asks_for_the_entry() -> None:
    found = asked(target("60"))
    assert found is not None
    assert (found.target, found.assigned) == (60, 60)


def test_half_of_the_day_is_due_at_noon() -> None:
    found = asked(target("60"), now=at(23, 12))
    assert found is not None
    assert found.expected == 30


def test_a_public_holiday_has_no_day_target() -> None:
    assert asked(target("60"), closed=(MONDAY,)) is None


def test_a_public_holiday_leaves_a_months_target_as_it_is() -> None:
    found = asked(target("420", period=PeriodKind.MONTH), of=period(PeriodKind.MONTH), closed=(MONDAY,))
    assert found is not None
    assert found.target == 420


def test_a_half_timer_has_half() -> None:
    found = asked(target("60"), who=rep(week=HALF_DAY))
    assert found is not None
    assert found.target == 30


def test_a_week_of_leave_lowers_a_months_target_by_its_days() -> None:
    away = rep(absences=(DateSpan(date(2026, 11, 23), date(2026, 11, 29)),))
    found = asked(target("420", period=PeriodKind.MONTH), who=away, of=period(PeriodKind.MONTH))
    assert found is not None
    assert found.target == 420 * Decimal(16) / 21


def test_a_target_that_changes_in_mid_month_counts_for_its_days() -> None:
    first = target("210", period=PeriodKind.MONTH)
    later = target("420", period=PeriodKind.MONTH, span=DateSpan(date(2026, 11, 16)), order=1)
    found = asked(first, later, of=period(PeriodKind.MONTH))
    assert found is not None
    assert found.target == Decimal(210) * 10 / 21 + Decimal(420) * 11 / 21


def test_nothing_is_asked_before_she_was_hired() -> None:
    found = asked(target("30", period=PeriodKind.WEEK), who=rep(hired=date(2026, 11, 25)), of=period(PeriodKind.WEEK))
    assert found is not None
    assert found.target == 18


def test_the_ramp_goes_by_anniversaries() -> None:
    ramp = (Decimal("0.25"), Decimal("0.5"))
    entry = target("60", ramp=ramp)
    by_hired = {date(2026, 10, 24): 15, date(2026, 10, 23): 30, date(2026, 9, 23): 60}
    for hired, expected in by_hired.items():
        found = asked(entry, who=rep(hired=hired))
        assert found is not None
        assert found.target == expected


def test_the_season_goes_by_calendar_month() -> None:
    found = asked(target("60", seasonality={11: Decimal("0.5")}))
    assert found is not None
    assert found.target == 30


def test_the_most_specific_entry_wins() -> None:
    entries = [
        target("1"),
        target("2", scope=Scope.ROLE, id="sdr"),
        target("3", scope=Scope.TEAM, id="world"),
        target("4", scope=Scope.TEAM, id="emea"),
        target("5", scope=Scope.REP, id="ana"),
    ]
    who = rep(team="sdr", role="sdr")
    for count in range(1, 6):
        found = asked(*entries[:count], who=who)
        assert found is not None
        assert found.assigned == count


def test_of_equally_specific_entries_the_latest_from_wins_then_the_later_line() -> None:
    older, newer = target("1"), target("2", span=DateSpan(date(2026, 6, 1)))
    assert getattr(asked(newer, older), "assigned", None) == 2
    assert getattr(asked(target("3", order=0), target("4", order=1)), "assigned", None) == 4


def test_what_is_not_prorated_asks_for_the_entry_of_the_last_day_as_it_stands() -> None:
    entry = target("0.3", period=PeriodKind.MONTH, span=DateSpan(date(2026, 11, 20)), seasonality={11: Decimal(2)})
    found = asked(entry, of=period(PeriodKind.MONTH), now=at(2, 0), prorated=False)
    assert found == Asked(Decimal("0.3"), Decimal("0.3"), Decimal("0.3"))


def test_a_pinned_team_total_is_prorated_by_the_tenants_calendar() -> None:
    configured = tenant(targets=[target("100", scope=Scope.TEAM_TOTAL, id="emea")])
    targets = EffectiveTargets(configured)
    found = targets.of_team_total("emea", configured.kpis["calls"], period(), now=at(23, 12))
    assert found == Asked(Decimal(100), Decimal(50), Decimal(100))


@given(st.integers(0, 40 * 24), st.sampled_from([PeriodKind.DAY, PeriodKind.WEEK, PeriodKind.MONTH]))
def test_what_is_due_grows_with_time_up_to_the_target(hours: int, kind: PeriodKind) -> None:
    entry = target("100", period=kind)
    earlier = asked(entry, of=period(kind), now=at(1, 0) + hours * 3_600_000_000)
    later = asked(entry, of=period(kind), now=at(1, 0) + (hours + 1) * 3_600_000_000)
    assert earlier is not None
    assert later is not None
    assert 0 <= earlier.expected <= later.expected <= later.target


@given(st.dates(date(2000, 1, 1), date(2030, 1, 1)), st.integers(0, 400))
def test_whole_months_count_anniversaries(hired: date, months: int) -> None:
    index = hired.year * 12 + hired.month - 1 + months
    first = date(index // 12, index % 12 + 1, 1)
    assert whole_months(hired.replace(day=1), first) == months
