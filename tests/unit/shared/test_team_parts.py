from datetime import date

from shared.domain.instants import parse
from shared.domain.people import DateSpan, Membership
from shared.domain.periods import PeriodKind, PeriodRules
from shared.domain.team_parts import Org, Part, TeamParts
from tests.support.tenants import rep, team, tenant

NOW = parse("2026-11-23T11:00:00Z")
NOVEMBER = PeriodRules().containing(PeriodKind.MONTH, date(2026, 11, 23))


def joined(first: date) -> tuple[Membership, ...]:
    return (Membership("emea", DateSpan(first)),)


def parts(*first_days: date, org: Org = Org.AS_WAS, of: str = "emea") -> tuple[Part, ...]:
    reps = [rep(f"r{n}", memberships=joined(day)) for n, day in enumerate(first_days)]
    teams = [team("world"), team("emea", parent="world")]
    return TeamParts(tenant(reps=reps, teams=teams)).of(of, NOVEMBER, now=NOW, org=org)


def test_a_member_all_the_time_has_part_in_every_day() -> None:
    (part,) = parts(date(2026, 1, 1))
    assert (part.days, part.cells) == (None, ("m2026-11",))


def test_who_joined_within_the_period_has_part_from_then_on() -> None:
    (part,) = parts(date(2026, 11, 29))
    assert part.cells == ("d2026-11-29", "d2026-11-30")


def test_who_joins_later_has_no_part() -> None:
    assert parts(date(2026, 12, 1)) == ()


def test_a_members_part_is_the_parent_teams_too() -> None:
    assert [part.rep.id for part in parts(date(2026, 1, 1), of="world")] == ["r0"]


def test_as_it_is_todays_members_have_part_in_every_day() -> None:
    (part,) = parts(date(2026, 11, 20), date(2026, 11, 24), org=Org.AS_IS)
    assert (part.rep.id, part.days) == ("r0", None)


def test_a_day_before_she_joined_is_not_hers() -> None:
    (part,) = parts(date(2026, 11, 29))
    assert [part.includes(date(2026, 11, day)) for day in (28, 29)] == [False, True]
