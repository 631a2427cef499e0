"""A team's lines over a period: cumulative values beside what was due, by the same rules as readings."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from services.api.adapters.http.app import create_app
from services.api.domain.trending import instants, sampled
from shared.domain.accumulators import Accumulator
from shared.domain.cells import SubjectCells, day_cell
from shared.domain.facts import Fact
from shared.domain.instants import parse
from shared.domain.kpis import Aggregate, Unit
from shared.domain.periods import PeriodKind, PeriodRules, local_day
from shared.domain.targets import Scope
from tests.support.api_parts import MONDAY_NOON, FixedConfiguration, KnownCells, KnownPages, local_client, parts
from tests.support.tenants import kpi, rep, target, team, tenant

ACCOUNTS = kpi("accounts", aggregate=Aggregate.DISTINCT, field="account")
REVENUE = kpi("revenue", aggregate=Aggregate.SUM, unit=Unit.MONEY, field="amount", facts=("deal.won",))
RATE = kpi("rate", aggregate=Aggregate.RATIO, unit=Unit.RATIO, numerator="calls", denominator="calls", facts=())
ACME = tenant(
    reps=[rep("ana"), rep("ben")],
    teams=[team("emea")],
    kpis=[kpi("calls"), ACCOUNTS, REVENUE, RATE],
    targets=[target("60"), target("420", period=PeriodKind.MONTH), target("300", period=PeriodKind.WEEK)],
)


def call(record: str, at: str, kind: str = "call.logged", **fields: Any) -> Fact:
    return Fact(kind, parse(at), "native", "call", record, "ana", fields, None)


async def trends(query: str, **wired: Any) -> dict[str, list[dict[str, Any]]]:
    async with local_client(create_app(parts(FixedConfiguration(wired.pop("of", ACME)), **wired))) as http:
        answer = await http.get(f"/v1/teams/emea/trends?{query}")
    assert answer.status_code == 200, answer.text
    return {trend["kpi"]: trend["points"] for trend in answer.json()["trends"]}


def column(points: list[dict[str, Any]], name: str) -> list[Any]:
    return [point[name] for point in points]


def days(**counts: int) -> SubjectCells:
    cells = {
        day_cell(local_day(parse(f"2026-11-{day[1:]}T12:00:00Z"), "UTC")): {"calls": Accumulator(n)}
        for day, n in counts.items()
    }
    return SubjectCells(1, cells)


async def test_a_months_line_adds_up_the_members_days() -> None:
    board = KnownCells({"ana": days(d02=5, d03=7), "ben": days(d03=1)})
    points = (await trends("period=month&kpi=calls", scoreboard=board))["calls"]
    assert column(points, "value")[:5] == [0, 0, 5, 13, 13]


async def test_what_is_after_now_has_no_value() -> None:
    points = (await trends("period=month&kpi=calls"))["calls"]
    assert [p["value"] is None for p in points] == [p["at"] > "2026-11-23T11:00:00Z" for p in points]


async def test_now_is_a_point_of_the_line() -> None:
    board = KnownCells({"ana": days(d23=9)})
    points = (await trends("period=week&kpi=calls", scoreboard=board))["calls"]
    assert [p["value"] for p in points if p["at"] == "2026-11-23T11:00:00Z"] == [9]


@pytest.mark.parametrize("period", ["day", "week", "month"])
async def test_what_is_expected_now_and_at_the_end_is_what_the_reading_says(period: str) -> None:
    async with local_client(create_app(parts(FixedConfiguration(ACME)))) as http:
        line = (await http.get(f"/v1/teams/emea/trends?period={period}&kpi=calls")).json()["trends"][0]["points"]
        reading = (await http.get(f"/v1/teams/emea/kpis?period={period}&kpi=calls")).json()["readings"][0]
    now = next(p["expected"] for p in line if p["at"] == "2026-11-23T11:00:00Z")
    assert (now, line[-1]["expected"]) == (reading["expected_to_date"], reading["target"])


async def test_a_pinned_total_is_the_line() -> None:
    pinned = target("100", scope=Scope.TEAM_TOTAL, id="emea")
    own = tenant(teams=[team("emea")], targets=[target("60"), pinned])
    points = (await trends("period=day", of=own))["calls"]
    assert points[-1]["expected"] == 100


async def test_a_kpi_without_a_target_expects_nothing() -> None:
    points = (await trends("period=day"))["accounts"]
    assert set(column(points, "expected")) == {None}


async def test_a_days_line_grows_with_each_fact() -> None:
    pages = KnownPages(call("c1", "2026-11-23T08:30:00Z"), call("c2", "2026-11-23T10:15:00Z"))
    own = tenant(teams=[team("emea")])
    points = (await trends("period=day", of=own, pages=pages))["calls"]
    assert [p["value"] for p in points if "08:00" < p["at"][11:16] <= "11:00"] == [1, 1, 2]


async def test_a_value_counts_once_for_the_whole_team() -> None:
    pages = KnownPages(call("c1", "2026-11-23T08:30:00Z", account="x"), call("c2", "2026-11-23T10:15:00Z", account="x"))
    points = (await trends("period=day&kpi=accounts", pages=pages))["accounts"]
    assert max(p["value"] for p in points if p["value"] is not None) == 1


async def test_a_sum_adds_the_amounts() -> None:
    pages = KnownPages(call("d1", "2026-11-23T08:30:00Z", kind="deal.won", amount="10.50"))
    own = tenant(teams=[team("emea")], kpis=[REVENUE])
    points = (await trends("period=day", of=own, pages=pages))["revenue"]
    assert max(p["value"] for p in points if p["value"] is not None) == 10.5


async def test_a_ratio_has_no_line() -> None:
    assert "rate" not in await trends("period=day")


async def test_a_period_that_a_kpi_does_not_list_has_no_line() -> None:
    own = tenant(teams=[team("emea")], kpis=[kpi("calls", periods=("week",))])
    assert await trends("period=day", of=own) == {}


async def test_days_are_read_in_one_round_trip_for_all_kpis() -> None:
    board = KnownCells()
    await trends("period=month", scoreboard=board)
    assert board.round_trips == 1


async def asked_twice(path: str) -> tuple[httpx.Response, httpx.Response]:
    async with local_client(create_app(parts(FixedConfiguration(ACME)))) as http:
        first = await http.get(path)
        return first, await http.get(path, headers={"If-None-Match": first.headers.get("ETag", "")})


async def test_an_unchanged_line_is_not_sent_again() -> None:
    first, second = await asked_twice("/v1/teams/emea/trends?period=week")
    assert (first.status_code, second.status_code) == (200, 304)


async def test_an_unknown_team_is_refused() -> None:
    refused, _ = await asked_twice("/v1/teams/nobody/trends")
    assert (refused.status_code, refused.json()["reason"]) == (404, "unknown_team")


def test_a_day_has_a_point_each_hour() -> None:
    monday = PeriodRules().containing(PeriodKind.DAY, local_day(MONDAY_NOON, "Europe/Berlin"))
    assert len(instants(monday, "Europe/Berlin", MONDAY_NOON)) == 25


def test_a_day_on_which_the_clocks_go_back_has_an_hour_more() -> None:
    sunday = PeriodRules().containing(PeriodKind.DAY, local_day(parse("2026-10-25T12:00:00Z"), "Europe/Berlin"))
    assert len(instants(sunday, "Europe/Berlin", MONDAY_NOON)) == 26


def test_the_end_holds_what_a_zone_further_west_added_later() -> None:
    assert sampled([(5, Decimal(1)), (12, Decimal(2))], [0, 5, 10], 99) == [0, 1, 2]
