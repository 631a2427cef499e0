"""How likely a count ends on the wrong side of its target: the sums are right, and what is said comes true as often."""

from __future__ import annotations

import math
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.accumulators import Accumulator
from shared.domain.cells import SubjectCells, day_cell
from shared.domain.count_model import LEAST_DAYS, Rate, Worked, at_most, cumulated, rate_of
from shared.domain.instants import SECOND_US, parse
from shared.domain.kpis import RANKED, Aggregate, Better
from shared.domain.miss_probability import miss_probability
from shared.domain.pace import Situation
from shared.domain.people import DateSpan, Membership
from shared.domain.periods import PeriodRules
from shared.domain.reading import Moment, Reading
from shared.domain.readings import Org, Readings
from shared.domain.targets import Asked
from tests.support.tenants import kpi, rep, target, tenant

HOUR_US = 3600 * SECOND_US
STEADY = Rate(hourly=5.0, spread=1.5, hours=400.0)
CALLS = kpi("calls")


# -- the model -----------------------------------------------------------------


def summed(facts: int, mean: float, spread: float) -> float:
    """Term by term from nothing on."""
    if spread == 1:
        terms = [math.exp(-mean)]
        for n in range(facts):
            terms.append(terms[-1] * mean / (n + 1))
    else:
        size = mean / (spread - 1)
        terms = [spread**-size]
        for n in range(facts):
            terms.append(terms[-1] * (size + n) * (1 - 1 / spread) / (n + 1))
    return math.fsum(terms)


@pytest.mark.parametrize("mean", [0.3, 5, 42, 200.5])
@pytest.mark.parametrize("spread", [1, 1.0002, 1.5, 2, 6, 10])
def test_a_probability_is_the_sum_of_all_before_it(mean: float, spread: float) -> None:
    for facts in (0, 1, 4, 5, 6, 41, 42, 43, 180, 200, 201, 400):
        assert cumulated(facts, mean, spread) == pytest.approx(summed(facts, mean, spread), abs=1e-8)


@given(st.integers(0, 500), st.floats(0.01, 500), st.floats(1, 50))
def test_a_probability_is_one_and_never_falls(facts: int, mean: float, spread: float) -> None:
    below, above = cumulated(facts, mean, spread), cumulated(facts + 1, mean, spread)
    assert 0 <= below <= 1
    assert above - below > -1e-8


@given(st.integers(0, 300), st.floats(0.1, 300), st.floats(1, 20))
def test_more_to_come_makes_few_less_likely(facts: int, mean: float, spread: float) -> None:
    assert cumulated(facts, mean * 1.5, spread) <= cumulated(facts, mean, spread) + 1e-8


@pytest.mark.parametrize(
    ("facts", "mean", "expected"),
    [(10**12, 100.0, 1.0), (5, 1e7, 0.0), (0, 1e-9, 1.0), (10_000_000, 1e7, 0.5), (0, 0.0, 1.0)],
)
def test_far_from_anything_likely_it_is_still_a_probability(facts: int, mean: float, expected: float) -> None:
    assert cumulated(facts, mean, 2.0) == pytest.approx(expected, abs=1e-3)


# -- the rate --------------------------------------------------------------------


def worked(*facts: int, hours: float = 8.0) -> list[Worked]:
    """Days by their facts, yesterday first."""
    return [Worked(age, count, hours) for age, count in enumerate(facts, start=1)]


def test_a_rate_is_facts_by_working_hour() -> None:
    rate = rate_of(worked(*[40] * 20))
    assert rate is not None
    assert (rate.hourly, rate.spread) == (pytest.approx(5.0), 1.0)


def test_days_without_work_tell_nothing() -> None:
    resting = [Worked(age, 3, 0.0) for age in range(21, 41)]
    assert rate_of([*worked(*[40] * 20), *resting, Worked(41, 40, 8.0)]) == rate_of(worked(*[40] * 21))


def test_evidence_begins_after_the_first_day_that_gave_anything() -> None:
    assert rate_of(worked(*[40] * 20, 7, *[0] * 60)) == rate_of(worked(*[40] * 20, 99))


@pytest.mark.parametrize(
    "facts", [(), (5,) * LEAST_DAYS, (0,) * 90, (1, 1, 1, 1, *[0] * 50, 1)], ids=["none", "short", "zero", "few"]
)
def test_too_little_evidence_tells_no_rate(facts: tuple[int, ...]) -> None:
    assert rate_of(worked(*facts)) is None


def test_two_weeks_of_work_are_enough() -> None:
    assert rate_of(worked(*[5] * (LEAST_DAYS + 1))) is not None


def test_lately_weighs_more() -> None:
    faster, slower = rate_of(worked(*[40] * 30, *[20] * 30)), rate_of(worked(*[20] * 30, *[40] * 30))
    assert faster is not None
    assert slower is not None
    assert faster.hourly > 3.75 > slower.hourly


def test_bursts_spread() -> None:
    rate = rate_of(worked(*[80, 0] * 20, 40))
    assert rate is not None
    assert rate.spread > 30


# -- what is said comes true as often -------------------------------------------------


def drawn(random: Random, mean: float, spread: float) -> int:
    """A negative binomial: a Poisson, by exponential gaps, of a gamma."""
    level = mean if spread == 1 else random.gammavariate(mean / (spread - 1), spread - 1)
    count, at = 0, random.expovariate(1)
    while at < level:
        count, at = count + 1, at + random.expovariate(1)
    return count


@pytest.mark.parametrize(
    ("hourly", "spread", "days", "hours_left"),
    [(5, 1, 60, 8), (5, 3, 60, 40), (5, 3, 15, 60), (1, 2, 30, 4), (0.2, 1, 60, 80)],
)
def test_what_is_said_comes_true_as_often(hourly: float, spread: float, days: int, hours_left: float) -> None:
    random, said = Random(11), {n: [0, 0.0, 0] for n in range(5)}
    mean = hourly * hours_left
    wide = 3 * math.sqrt(mean * spread * (1 + hours_left / (days * 8)))
    for _ in range(2_500):
        rate = rate_of([Worked(age, drawn(random, hourly * 8, spread), 8.0) for age in range(1, days + 1)])
        if rate is None:
            continue
        needed = max(1, round(random.uniform(mean - wide, mean + wide)))
        probability = at_most(needed - 1, rate, hours_left)
        held = said[min(4, int(probability * 5))]
        held[0] += 1
        held[1] += probability
        held[2] += drawn(random, mean, spread) < needed
    for times, total, missed in said.values():
        assert missed / times == pytest.approx(total / times, abs=max(0.03, 3.3 * math.sqrt(0.25 / times)))


# -- what it is said of ----------------------------------------------------------------


def said(value: str | None, of: str = "60", *, rate: Rate | None = STEADY, **others: Any) -> Decimal | None:
    better = others.pop("better", Better.HIGHER)
    situation = Situation(**{"over": False, "better": better, "working_left_us": 4 * HOUR_US, "rate": rate} | others)
    asked = Asked(Decimal(of), Decimal(of), Decimal(of))
    return miss_probability(CALLS, None if value is None else Decimal(value), asked, situation)


def test_it_is_the_probability_of_too_few_in_the_time_left() -> None:
    assert said("41") == Decimal(at_most(18, STEADY, 4.0))
    assert said("41", "59.5") == said("41")


def test_above_a_ceiling_it_is_that_of_too_many() -> None:
    assert said("41", better=Better.LOWER) == Decimal(1 - at_most(19, STEADY, 4.0))
    assert said("41", "60.9", better=Better.LOWER) == said("41", better=Better.LOWER)


@pytest.mark.parametrize(
    ("value", "others", "expected"),
    [
        ("60", {}, 0),
        ("61", {"over": True}, 0),
        ("59", {"over": True}, 1),
        ("59", {"working_left_us": 0}, 1),
        ("61", {"better": Better.LOWER}, 1),
        ("60", {"better": Better.LOWER, "over": True}, 0),
        ("60", {"better": Better.LOWER, "working_left_us": 0}, 0),
        ("0", {"rate": None}, None),
        (None, {}, None),
    ],
)
def test_what_is_settled_is_certain_and_what_is_unknown_is_null(
    value: str | None, others: dict[str, Any], expected: int | None
) -> None:
    assert said(value, **others) == expected
    if value is not None and expected is not None:
        assert said(value, **others | {"rate": None}) == expected


@pytest.mark.parametrize("aggregate", [*RANKED, Aggregate.SUM, Aggregate.DISTINCT, Aggregate.RATIO, Aggregate.LATEST])
def test_nothing_is_said_of_what_is_no_count(aggregate: Aggregate) -> None:
    asked, situation = (
        Asked(Decimal(9), Decimal(9), Decimal(9)),
        Situation(over=True, better=Better.HIGHER, working_left_us=0, rate=STEADY),
    )
    assert miss_probability(kpi("x", aggregate=aggregate), Decimal(1), asked, situation) is None


def test_nothing_is_said_of_what_is_open_now() -> None:
    asked, situation = (
        Asked(Decimal(9), Decimal(9), Decimal(9)),
        Situation(over=False, better=Better.HIGHER, working_left_us=HOUR_US, rate=STEADY),
    )
    stock = kpi("open", facts=("deal.open",))
    assert miss_probability(stock, Decimal(10), asked, situation) is None


@settings(max_examples=50)
@given(st.integers(0, 59), st.integers(1, 16))
def test_it_falls_with_every_fact_and_rises_with_lost_time(value: int, hours: int) -> None:
    now, ahead = (
        said(str(value), working_left_us=hours * HOUR_US),
        said(str(value + 1), working_left_us=hours * HOUR_US),
    )
    later = said(str(value), working_left_us=(hours - 1) * HOUR_US)
    assert now is not None
    assert ahead is not None
    assert later is not None
    assert ahead <= now + Decimal("1e-8")
    assert later >= now - Decimal("1e-8")


# -- in readings --------------------------------------------------------------------------

TODAY = date(2026, 11, 24)
NOON = Moment(parse("2026-11-24T11:00:00Z"))
FORTY_A_DAY = SubjectCells(1, {day_cell(TODAY - timedelta(days=n)): {"calls": Accumulator(40)} for n in range(1, 91)})


def shown(period: str, value: int, *, history: SubjectCells | None = FORTY_A_DAY, of: str = "40") -> Reading:
    acme = tenant(kpis=[CALLS], targets=[target(of)])
    day = PeriodRules().of_id(period)
    cells = SubjectCells(1, {f"d{period}": {"calls": Accumulator(value)}})
    ana = acme.organisation.reps["ana"]
    return Readings(acme).of_rep(ana, [CALLS], day, cells, moment=NOON, history=history)[0]


def test_a_reading_says_it_with_six_places() -> None:
    """Twelve in Berlin: five of eight hours left, and five calls an hour expected."""
    found = shown("2026-11-24", 15)
    assert found.miss_probability is not None
    assert Decimal("0.3") < found.miss_probability < Decimal("0.6")
    assert -found.miss_probability.as_tuple().exponent <= 6  # type: ignore[operator]


@pytest.mark.parametrize(
    ("period", "value", "history", "expected"),
    [
        ("2026-11-24", 15, None, None),
        ("2026-11-24", 15, SubjectCells(), None),
        ("2026-11-24", 40, SubjectCells(), 0),
        ("2026-11-23", 39, FORTY_A_DAY, 1),
        ("2026-11-23", 41, FORTY_A_DAY, 0),
    ],
)
def test_a_reading_without_evidence_says_only_what_is_settled(
    period: str, value: int, history: SubjectCells | None, expected: int | None
) -> None:
    assert shown(period, value, history=history).miss_probability == expected


def test_a_team_is_likely_to_miss_by_the_rate_of_those_who_stay() -> None:
    """Bo leaves on Tuesday: from Wednesday on only Ana's calls are the team's."""
    leaving = (Membership("emea", DateSpan(None, date(2026, 11, 24))),)
    weekly = [target("200", period=PeriodRules().of_id("w2026-11-23").kind)]
    acme = tenant(kpis=[CALLS], reps=[rep("ana"), rep("bo", memberships=leaving)], targets=weekly)
    readings, week = Readings(acme), PeriodRules().of_id("w2026-11-23")
    histories = {"ana": FORTY_A_DAY, "bo": FORTY_A_DAY}

    def probability(now: str) -> Decimal:
        found = readings.of_team(
            acme.organisation.teams["emea"], [CALLS], week, {}, moment=Moment(parse(now)), org=Org.AS_WAS,
            histories=histories,
        )[0].miss_probability  # fmt: skip
        assert found is not None
        return found

    assert probability("2026-11-23T07:00:00Z") < Decimal("0.001")
    assert probability("2026-11-25T07:00:00Z") > Decimal("0.999")
