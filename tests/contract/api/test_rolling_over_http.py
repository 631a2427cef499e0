"""Rolling periods from a real Redis: whole days from cells, edges from pages, with receipts, standings and ETags."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from services.api.adapters.fact_pages import RedisPages
from services.api.adapters.http.app import create_app
from shared.adapters.scoreboard_reader import ScoreboardReader
from shared.domain.facts import Fact
from shared.domain.instants import SECOND_US, parse
from shared.domain.kpis import Aggregate, Condition, Operator, Unit
from tests.support.api_parts import MONDAY_NOON, FixedConfiguration, TurnedClock, local_client, parts
from tests.support.real_redis import RealRedis
from tests.support.scoreboard_filler import ScoreboardFiller
from tests.support.tenants import kpi, rep, target, tenant

OUTBOUND = (Condition("direction", Operator.EQ, ("outbound",)),)
ACME = tenant(
    reps=[rep("ana"), rep("ben")],
    kpis=[
        kpi("calls", where=OUTBOUND),
        kpi("talk", unit=Unit.SECONDS, aggregate=Aggregate.MAXIMUM, field="seconds"),
        kpi("accounts", aggregate=Aggregate.DISTINCT, field="account"),
        kpi("pipeline", unit=Unit.MONEY, aggregate=Aggregate.LATEST, field="amount", facts=("deal.open",)),
    ],
    targets=[target("60")],
)


def call(record: str, at: str, **fields: str) -> Fact:
    said = {"direction": "outbound", "seconds": "30", "account": "a"} | fields
    return Fact("call.logged", parse(f"2026-11-{at}Z"), "native", "call", record, "ana", said)


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock(MONDAY_NOON + SECOND_US)


@pytest.fixture
async def http(redis_server: RealRedis, clock: TurnedClock) -> AsyncIterator[httpx.AsyncClient]:
    async with Redis.from_url(redis_server.url) as redis:
        filler = ScoreboardFiller(redis)
        await filler.lay_out()
        await filler.facts(
            "ana",
            call("early", "22T10:59:59"),
            call("first", "22T11:00:15", account="b"),
            call("inbound", "22T12:00:00", direction="inbound", seconds="40"),
            call("recent", "23T10:30:00"),
            call("now", "23T11:00:01", seconds="20"),
        )
        await filler.facts("ben", call("his", "23T10:59:00", account="c", seconds="50.5"))
        await filler.count("ana", "2026-11-20", {"calls": 7})
        await filler.count("ana", "2026-11-22", {"calls": 2})
        await filler.numbers("ana", "talk", "2026-11-22", "30", "30", "40")
        await filler.distinct("ana", "accounts", "2026-11-22", ["a", "b"])
        await filler.numbers("ana", "talk", "2026-11-20", "90", "12")
        await filler.distinct("ana", "accounts", "2026-11-20", ["a", "d"])
        wired = parts(
            FixedConfiguration(ACME), scoreboard=ScoreboardReader(redis), pages=RedisPages(redis), clock=clock
        )
        async with local_client(create_app(wired)) as client:
            yield client


async def got(http: httpx.AsyncClient, path: str) -> Any:
    answer = await http.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("period", "at", "values"),
    [
        ("rolling:60m", "", [2, 30, 1, None]),
        ("rolling:24h", "", [3, 40, 2, None]),
        ("rolling:7d", "", [11, 90, 3, None]),
        ("rolling:60m", "&at=2026-11-23T10:30:00Z", [0, None, 0, None]),
        ("rolling:60m", "&at=2026-11-23T10:30:00.000001Z", [1, 30, 1, None]),
        ("rolling:1d", "&at=2026-11-20", [7, 90, 2, None]),
        ("rolling:1d", "&at=2026-11-19", [0, None, 0, None]),
    ],
)
async def test_a_rep_is_read_up_to_an_instant(http: httpx.AsyncClient, period: str, at: str, values: list[Any]) -> None:
    found = await got(http, f"/v1/reps/ana/kpis?period={period}{at}")
    assert [reading["value"] for reading in found["readings"]] == values


async def test_a_rolling_reading_says_what_it_is_of(http: httpx.AsyncClient) -> None:
    (reading,) = (await got(http, "/v1/reps/ana/kpis?period=rolling:7d&kpi=calls"))["readings"]
    assert reading["period"] == {
        "kind": "rolling:7d", "id": "rolling:7d", "start": "2026-11-16T11:00:15Z", "end": "2026-11-23T11:00:15Z",
        "time_zone": "Europe/Berlin",
    }  # fmt: skip
    asked = ("target", "target_assigned", "expected_to_date", "attainment", "pace", "required_rate", "miss_probability")
    assert [reading[name] for name in asked] == [None] * 7
    assert (reading["status"], reading["definition"], reading["measurable"]) == ("no_target", "calls", True)


async def test_a_team_is_the_union_of_its_members(http: httpx.AsyncClient) -> None:
    found = (await got(http, "/v1/teams/emea/kpis?period=rolling:60m&members=true"))["readings"]
    assert [(r.get("team"), r.get("rep"), r["kpi"], r["value"]) for r in found if r["kpi"] != "pipeline"] == [
        ("emea", None, "calls", 3), ("emea", None, "talk", 50.5), ("emea", None, "accounts", 2),
        (None, "ana", "calls", 2), (None, "ana", "talk", 30), (None, "ana", "accounts", 1),
        (None, "ben", "calls", 1), (None, "ben", "talk", 50.5), (None, "ben", "accounts", 1),
    ]  # fmt: skip


async def test_standings_rank_by_a_rolling_value(http: httpx.AsyncClient) -> None:
    found = (await got(http, "/v1/kpis/talk/standings?period=rolling:60m&by=value"))["readings"]
    assert [(place["rank"], place["rep"], place["value"]) for place in found] == [(1, "ben", 50.5), (2, "ana", 30)]


async def test_receipts_are_of_the_same_stretch_of_time(http: httpx.AsyncClient) -> None:
    found = await got(http, "/v1/reps/ana/kpis/calls/receipts?period=rolling:24h")
    assert [receipt["record"] for receipt in found["counted"]] == ["first", "recent", "now"]
    assert [(r["record"], r["reason"]) for r in found["not_counted"]] == [("inbound", "filtered_out")]
    assert (found["reading"]["value"], found["consistent"]) == (3, True)
    team = await got(http, "/v1/teams/emea/kpis/talk/receipts?period=rolling:60m")
    assert [(receipt["rep"], receipt["decides"]) for receipt in team["counted"]] == [
        ("ana", False), ("ben", True), ("ana", False),
    ]  # fmt: skip


async def test_polling_is_cheap_within_a_step_of_the_grid(http: httpx.AsyncClient, clock: TurnedClock) -> None:
    path = "/v1/reps/ana/kpis?period=rolling:60m"
    tag = (await http.get(path)).headers["etag"]
    statuses = []
    for seconds in (13, 1):
        clock.at += seconds * SECOND_US
        statuses.append((await http.get(path, headers={"If-None-Match": tag})).status_code)
    assert statuses == [304, 200]
