"""From cells to readings, contract sections 4.7 to 4.10 and 5."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from shared.domain.accumulators import Accumulator
from shared.domain.calendar import Calendar
from shared.domain.cells import CellQuery, SubjectCells, covering_cells
from shared.domain.instants import Micros, from_datetime, parse
from shared.domain.kpis import Aggregate, Unit
from shared.domain.pace import Status
from shared.domain.people import DateSpan, Membership, WorkingWeek
from shared.domain.periods import Period, PeriodKind, PeriodRules
from shared.domain.reading import Moment, Reading
from shared.domain.readings import Org, Readings
from shared.domain.targets import Scope
from tests.support.tenants import kpi, rep, target, team, tenant

MONDAY = date(2026, 11, 23)
CALLS = kpi()
REVENUE = kpi("revenue", aggregate=Aggregate.SUM, field="amount", unit=Unit.MONEY)
WON, CLOSED = kpi("won"), kpi("closed")
WIN_RATE = kpi("win_rate", aggregate=Aggregate.RATIO, numerator="won", denominator="closed", unit=Unit.RATIO)
PIPELINE = kpi("pipeline", aggregate=Aggregate.LATEST, field="amount", unit=Unit.MONEY)
ACCOUNTS = kpi("accounts", aggregate=Aggregate.DISTINCT, field="account")
AVERAGE = kpi("average", aggregate=Aggregate.AVERAGE, field="amount", unit=Unit.MONEY)
ALL = (CALLS, REVENUE, WON, CLOSED, WIN_RATE, PIPELINE, ACCOUNTS, AVERAGE)


def berlin_noon(day: int = 23) -> Micros:
    return from_datetime(datetime(2026, 11, day, 12, tzinfo=UTC)) - 3_600_000_000


NOON = Moment(berlin_noon())


def period(kind: PeriodKind = PeriodKind.DAY, day: date = MONDAY) -> Period:
    return PeriodRules().containing(kind, day)


def cells(version: int = 1, **named: Accumulator) -> SubjectCells:
    """Cells of the day, a KPI each."""
    return SubjectCells(version, {"d2026-11-23": named, "m2026-11": named, "now": named})


def calls(count: int) -> SubjectCells:
    return cells(calls=Accumulator(count))


def one(readings: list[Reading]) -> Reading:
    assert len(readings) == 1
    return readings[0]


def test_a_rep_without_facts_reads_zero_against_her_target() -> None:
    acme = tenant(targets=[target("60")])
    found = one(Readings(acme).of_rep(acme.organisation.reps["ana"], [CALLS], period(), SubjectCells(), moment=NOON))
    assert (found.value, found.target, found.expected_to_date, found.status) == (0, 60, Decimal("22.5"), Status.AT_RISK)


def test_a_reading_names_its_period_in_the_reps_zone() -> None:
    acme = tenant(reps=[rep(zone="America/New_York")])
    found = one(Readings(acme).of_rep(acme.organisation.reps["ana"], [CALLS], period(), calls(1), moment=NOON))
    assert (found.period.start, found.period.end) == ("2026-11-23T05:00:00Z", "2026-11-24T05:00:00Z")


def test_a_ratio_divides_its_parts_and_is_null_over_nothing() -> None:
    acme = tenant(kpis=ALL)
    ana = acme.organisation.reps["ana"]
    some = cells(won=Accumulator(1), closed=Accumulator(3))
    assert one(Readings(acme).of_rep(ana, [WIN_RATE], period(), some, moment=NOON)).value == Decimal("0.333333")
    assert one(Readings(acme).of_rep(ana, [WIN_RATE], period(), cells(), moment=NOON)).value is None


def test_an_average_divides_by_the_facts_that_had_a_number() -> None:
    acme = tenant(kpis=ALL)
    some = cells(average=Accumulator(3, Decimal(100)))
    found = one(Readings(acme).of_rep(acme.organisation.reps["ana"], [AVERAGE], period(), some, moment=NOON))
    assert found.value == Decimal("33.3333")


def test_a_stock_is_what_holds_now_and_null_at_any_other_time() -> None:
    acme = tenant(kpis=ALL)
    ana, held = acme.organisation.reps["ana"], cells(pipeline=Accumulator(2, Decimal("1500.5")))
    readings = Readings(acme)
    assert one(readings.of_rep(ana, [PIPELINE], period(PeriodKind.MONTH), held, moment=NOON)).value == Decimal("1500.5")
    yesterday = period(day=MONDAY - timedelta(days=1))
    assert one(readings.of_rep(ana, [PIPELINE], yesterday, held, moment=NOON)).value is None


def test_a_teams_distinct_values_are_a_union() -> None:
    acme = tenant(kpis=ALL, reps=[rep("ana"), rep("bo")])
    own = {
        "ana": SubjectCells(1, {}, {("accounts", "d2026-11-23"): frozenset({"a", "b"})}),
        "bo": SubjectCells(1, {}, {("accounts", "d2026-11-23"): frozenset({"b", "c"})}),
    }
    found = one(Readings(acme).of_team(team(), [ACCOUNTS], period(), own, moment=NOON, org=Org.AS_WAS))
    assert found.value == 3


def test_a_teams_target_is_the_sum_of_its_members() -> None:
    acme = tenant(reps=[rep("ana"), rep("bo", week=WorkingWeek((((540, 780),),) * 7))], targets=[target("60")])
    found = one(Readings(acme).of_team(team(), [CALLS], period(), {}, moment=NOON, org=Org.AS_WAS))
    assert found.target == 90


def test_a_pinned_team_total_shows_the_sum_beside_it() -> None:
    acme = tenant(targets=[target("60"), target("100", scope=Scope.TEAM_TOTAL, id="emea")])
    found = one(Readings(acme).of_team(team(), [CALLS], period(), {}, moment=NOON, org=Org.AS_WAS))
    assert (found.target, found.pinned, found.members_target) == (100, True, 60)


def test_members_targets_that_differ_give_a_ratio_no_team_target() -> None:
    rates = [target("0.3", kpi="win_rate"), target("0.4", kpi="win_rate", scope=Scope.REP, id="bo")]
    acme = tenant(kpis=ALL, reps=[rep("ana"), rep("bo")], targets=rates)
    found = one(Readings(acme).of_team(team(), [WIN_RATE], period(), {}, moment=NOON, org=Org.AS_WAS))
    assert found.target is None


def moved_rep() -> Readings:
    """Ana left EMEA for APAC with the 24th."""
    moves = (Membership("emea", DateSpan(None, MONDAY)), Membership("apac", DateSpan(date(2026, 11, 24))))
    return Readings(tenant(teams=[team(), team("apac")], reps=[rep("ana", memberships=moves)]))


def test_as_was_reads_only_the_days_on_which_she_belonged_to_the_team() -> None:
    query = moved_rep().query_team("emea", [CALLS], period(PeriodKind.WEEK), now=berlin_noon(25), org=Org.AS_WAS)
    assert query == {"ana": CellQuery(frozenset({"d2026-11-23"}))}


def test_as_is_reads_todays_members_for_the_whole_period() -> None:
    readings = moved_rep()
    assert readings.query_team("emea", [CALLS], period(PeriodKind.WEEK), now=berlin_noon(25), org=Org.AS_IS) == {}
    apac = readings.query_team("apac", [CALLS], period(PeriodKind.WEEK), now=berlin_noon(25), org=Org.AS_IS)
    assert len(apac["ana"].cells) == 7


def test_quarters_and_years_are_merged_from_months() -> None:
    assert covering_cells(period(PeriodKind.QUARTER)) == ("m2026-10", "m2026-11", "m2026-12")
    assert len(covering_cells(period(PeriodKind.YEAR))) == 12


def test_a_day_that_never_gave_so_much_makes_the_rest_unreachable() -> None:
    acme = tenant(targets=[target("60")])
    ana = acme.organisation.reps["ana"]
    history = SubjectCells(1, {"d2026-11-20": {"calls": Accumulator(40)}})
    found = one(Readings(acme).of_rep(ana, [CALLS], period(), calls(20), moment=NOON, history=history))
    assert found.status is Status.UNREACHABLE
    better = SubjectCells(1, {"d2026-11-20": {"calls": Accumulator(70)}})
    assert (
        one(Readings(acme).of_rep(ana, [CALLS], period(), calls(20), moment=NOON, history=better)).status
        is Status.BEHIND
    )


def test_the_team_of_a_rep_in_mid_month_is_read_by_days() -> None:
    month = period(PeriodKind.MONTH)
    query = moved_rep().query_team("apac", [CALLS], month, now=berlin_noon(25), org=Org.AS_WAS)
    assert query["ana"].cells == frozenset(f"d2026-11-{day}" for day in range(24, 31))


def test_readings_say_when_data_may_be_short() -> None:
    acme = tenant()
    found = Readings(acme).of_rep(
        acme.organisation.reps["ana"], [CALLS], period(), calls(1), moment=Moment(NOON.now, measurable=False)
    )
    assert one(found).measurable is False


def test_a_teams_stock_is_read_for_whom_the_period_is_now() -> None:
    """Half an hour after midnight in Berlin it is still yesterday in New York."""
    acme = tenant(kpis=ALL, reps=[rep("ana"), rep("bo", zone="America/New_York")])
    own = {"ana": cells(pipeline=Accumulator(1, Decimal(100))), "bo": cells(pipeline=Accumulator(1, Decimal(20)))}
    moment = Moment(from_datetime(datetime(2026, 11, 22, 23, 30, tzinfo=UTC)))
    found = {
        day: one(Readings(acme).of_team(team(), [PIPELINE], period(day=day), own, moment=moment, org=Org.AS_WAS)).value
        for day in (MONDAY - timedelta(days=2), MONDAY - timedelta(days=1), MONDAY)
    }
    assert list(found.values()) == [None, 20, 100]


# -- facts that are gone for their age -----------------------------------------


def aged(retained_from: str, count: int = 5) -> SubjectCells:
    return replace(calls(count), retained_from=parse(retained_from))


def test_a_period_that_lacks_days_shows_no_part_of_it_as_the_whole() -> None:
    acme = tenant(targets=[target("60")])
    found = one(Readings(acme).of_rep(acme.organisation.reps["ana"], [CALLS], MONTH, aged(NOVEMBER_2), moment=NOON))
    assert (found.value, found.attainment, found.measurable) == (None, None, False)


def test_a_period_after_the_last_day_that_is_gone_is_whole() -> None:
    acme = tenant(reps=[rep(zone="UTC")])
    ana = acme.organisation.reps["ana"]
    found = one(Readings(acme).of_rep(ana, [CALLS], period(), aged("2026-11-23T00:00:00Z"), moment=NOON))
    assert (found.value, found.measurable) == (5, True)


def test_a_local_day_that_begins_on_a_utc_day_that_is_gone_is_not_whole() -> None:
    acme = tenant(reps=[rep(zone="Europe/Berlin")])
    ana = acme.organisation.reps["ana"]
    found = one(Readings(acme).of_rep(ana, [CALLS], period(), aged("2026-11-23T00:00:00Z"), moment=NOON))
    assert (found.value, found.measurable) == (None, False)


def test_states_have_no_age_and_a_stock_of_moments_has() -> None:
    states, moments = replace(PIPELINE, facts=("deal.open",)), replace(PIPELINE, id="moments", facts=("deal.won",))
    acme = tenant(kpis=(states, moments))
    held = replace(cells(pipeline=Accumulator(1, Decimal(9))), retained_from=parse(NOVEMBER_2))
    found = Readings(acme).of_rep(acme.organisation.reps["ana"], [states, moments], period(), held, moment=NOON)
    assert [(each.value, each.measurable) for each in found] == [(9, True), (None, False)]


def test_a_team_lacks_what_one_of_its_members_does() -> None:
    acme = tenant(reps=[rep(), rep("bo")], teams=[team("emea")])
    held = {"ana": calls(2), "bo": aged(NOVEMBER_2)}
    emea = acme.organisation.teams["emea"]
    found = one(Readings(acme).of_team(emea, [CALLS], MONTH, held, moment=NOON, org=Org.AS_WAS))
    assert (found.value, found.measurable) == (None, False)


def test_a_team_does_not_lack_what_was_before_a_member_joined() -> None:
    since = Membership("emea", DateSpan(date(2026, 11, 2), None))
    acme = tenant(reps=[rep(zone="UTC", memberships=(since,))], teams=[team("emea")])
    emea = acme.organisation.teams["emea"]
    held = {"ana": replace(SubjectCells(), retained_from=parse(NOVEMBER_2))}
    found = one(Readings(acme).of_team(emea, [CALLS], MONTH, held, moment=NOON, org=Org.AS_WAS))
    assert (found.value, found.measurable) == (0, True)


MONTH = period(PeriodKind.MONTH)
NOVEMBER_2 = "2026-11-02T00:00:00Z"


def test_members_thirds_of_a_target_are_the_whole_target() -> None:
    third = WorkingWeek(((((9 * 60), 11 * 60),),) * 7)  # two of six hours
    two_thirds = Calendar(zone="Europe/Berlin", week=WorkingWeek(((((9 * 60), 15 * 60),),) * 7))
    reps = [rep(name, week=third) for name in ("ana", "bo", "cy")]
    acme = tenant(reps=reps, targets=[target("2")], calendar=two_thirds)
    own = {"ana": calls(2)}
    found = one(Readings(acme).of_team(team(), [CALLS], period(), own, moment=NOON, org=Org.AS_WAS))
    assert (found.target, found.status) == (2, Status.ACHIEVED)


def test_a_period_without_working_time_has_no_target_of_any_kind() -> None:
    sunday = period(day=date(2026, 11, 22))
    acme = tenant(
        kpis=ALL, targets=[target("0.3", kpi="win_rate"), target("9", kpi="won", scope=Scope.TEAM_TOTAL, id="emea")]
    )
    ana = acme.organisation.reps["ana"]
    assert one(Readings(acme).of_rep(ana, [WIN_RATE], sunday, SubjectCells(), moment=NOON)).target is None
    assert one(Readings(acme).of_rep(ana, [WIN_RATE], period(), SubjectCells(), moment=NOON)).target == Decimal("0.3")
    assert one(Readings(acme).of_team(team(), [WIN_RATE], sunday, {}, moment=NOON, org=Org.AS_WAS)).target is None


def test_the_stock_of_a_team_that_everybody_has_left_is_nothing_rather_than_unknown() -> None:
    left = rep("ana", memberships=(Membership("emea", DateSpan(None, date(2026, 11, 10))),))
    acme = tenant(kpis=ALL, reps=[left])
    own = {"ana": cells(pipeline=Accumulator(1, Decimal(100)))}
    month = period(PeriodKind.MONTH)
    assert one(Readings(acme).of_team(team(), [PIPELINE], month, own, moment=NOON, org=Org.AS_WAS)).value == 0


OPEN = kpi("open", facts=("deal.open",))
CREATED_OR_OPEN = kpi("either", facts=("deal.created", "deal.open"))
COVERAGE = kpi("coverage", aggregate=Aggregate.RATIO, numerator="pipeline", denominator="won", unit=Unit.RATIO)


def test_what_holds_now_is_counted_whatever_the_aggregate() -> None:
    acme = tenant(kpis=(*ALL, OPEN, CREATED_OR_OPEN, COVERAGE))
    ana = acme.organisation.reps["ana"]
    day = {"either": Accumulator(3), "won": Accumulator(4)}
    now = {"open": Accumulator(2), "either": Accumulator(2), "pipeline": Accumulator(2, Decimal(100))}
    own = SubjectCells(1, {"d2026-11-22": day, "d2026-11-23": day, "now": now})
    asked = (OPEN, CREATED_OR_OPEN, COVERAGE)

    def read(on: date) -> list[Decimal | None]:
        return [found.value for found in Readings(acme).of_rep(ana, asked, period(day=on), own, moment=NOON)]

    assert read(MONDAY) == [2, 5, 25]
    assert read(date(2026, 11, 22)) == [None, 3, None]
    assert "now" in Readings(acme).query_rep([COVERAGE], period()).cells


def test_a_period_that_begins_before_1970_is_whole_where_nothing_is_gone() -> None:
    assert SubjectCells().is_whole(kpi(), -1)
    assert not SubjectCells(retained_from=1).is_whole(kpi(), -1)
