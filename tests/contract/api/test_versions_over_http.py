"""Dated versions of a KPI, as the api answers for each period, from a real Redis."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from services.api.adapters.fact_pages import RedisPages
from services.api.adapters.http.app import create_app
from shared.adapters.scoreboard_reader import ScoreboardReader
from shared.domain.facts import Fact
from shared.domain.instants import parse
from shared.domain.kpis import Aggregate, Better, Condition, Operator, Unit
from tests.support.api_parts import FixedConfiguration, local_client, parts
from tests.support.real_redis import RealRedis
from tests.support.scoreboard_filler import ScoreboardFiller
from tests.support.tenants import kpi, rep, target, tenant

MONDAY = date(2026, 11, 23)
OUTBOUND = (Condition("direction", Operator.EQ, ("outbound",)),)
LATER = kpi("calls", effective=MONDAY, where=OUTBOUND, periods=("day",))
ACME = tenant(
    reps=[rep("ana"), rep("ben")],
    kpis=[
        kpi("calls"),
        LATER,
        kpi("speed", effective=MONDAY, aggregate=Aggregate.AVERAGE, field="s", unit=Unit.SECONDS, better=Better.LOWER),
    ],
    targets=[target("60")],
)


@pytest.fixture
async def http(redis_server: RealRedis) -> AsyncIterator[httpx.AsyncClient]:
    async with Redis.from_url(redis_server.url) as redis:
        filler = ScoreboardFiller(redis)
        await filler.lay_out()
        for name, later in (("ana", 2), ("ben", 3)):
            for day in ("2026-11-22", "2026-11-23"):
                await filler.count(name, day, {"calls": 7, "calls@2026-11-23": later, "speed@2026-11-23": (2, "9")})
        inbound = Fact("call.logged", parse("2026-11-23T09:00:00Z"), "native", "call", "c1", "ana", {})
        await filler.facts("ana", inbound)
        wired = parts(FixedConfiguration(ACME), scoreboard=ScoreboardReader(redis), pages=RedisPages(redis))
        async with local_client(create_app(wired)) as client:
            yield client


async def got(http: httpx.AsyncClient, path: str) -> Any:
    answer = await http.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("query", "value", "target", "definition"),
    [
        ("at=2026-11-22", 7, None, "calls"),
        ("at=2026-11-23", 2, 60, "calls@2026-11-23"),
        ("at=2026-11-23&period=week", 2, None, "calls@2026-11-23"),
        ("at=2026-11-23&period=month", 14, None, "calls"),
    ],
)
async def test_a_reps_period_says_which_version_it_uses(
    http: httpx.AsyncClient, query: str, value: int, target: int | None, definition: str
) -> None:
    (reading,) = (await got(http, f"/v1/reps/ana/kpis?kpi=calls&{query}"))["readings"]
    assert (reading["value"], reading["target"], reading["definition"]) == (value, target, definition)


async def test_a_team_and_its_members_use_the_version_of_the_period(http: httpx.AsyncClient) -> None:
    found = await got(http, "/v1/teams/emea/kpis?kpi=calls&at=2026-11-23&members=true")
    assert [reading["value"] for reading in found["readings"]] == [5, 2, 3]


async def test_before_its_first_version_a_kpi_is_null(http: httpx.AsyncClient) -> None:
    found = [
        (await got(http, f"/v1/reps/ana/kpis?kpi=speed&at={day}"))["readings"][0]["value"]
        for day in ("2026-11-22", "2026-11-23")
    ]
    assert found == [None, 4.5]


async def test_standings_rank_by_the_version_of_the_period(http: httpx.AsyncClient) -> None:
    found = await got(http, "/v1/kpis/calls/standings?by=value&at=2026-11-23")
    assert [(reading["rep"], reading["value"]) for reading in found["readings"]] == [("ben", 3), ("ana", 2)]


async def test_receipts_apply_the_filter_of_the_version(http: httpx.AsyncClient) -> None:
    path = "/v1/reps/ana/kpis/calls/receipts?at=2026-11-23"
    day, month = [await got(http, f"{path}&period={period}") for period in ("day", "month")]
    assert [(r["record"], r["reason"]) for r in day["not_counted"]] == [("c1", "filtered_out")]
    assert [r["record"] for r in month["counted"]] == ["c1"]


async def test_receipts_before_the_first_version_say_so(http: httpx.AsyncClient) -> None:
    found = await got(http, "/v1/reps/ana/kpis/speed/receipts?period=week&at=2026-11-22")
    assert (found["counted"], found["reading"]["value"]) == ([], None)
    month = await got(http, "/v1/reps/ana/kpis/speed/receipts?period=month&at=2026-11-22")
    assert [(r["record"], r["reason"]) for r in month["not_counted"]] == [("c1", "not_in_force")]


async def test_the_catalogue_shows_todays_version_and_all_of_them(http: httpx.AsyncClient) -> None:
    found = (await got(http, "/v1/catalogue"))["kpis"]
    assert [each["definition"] for each in found] == ["calls@2026-11-23", "speed@2026-11-23"]
    assert [(v["definition"], v["effective"]) for v in found[0]["versions"]] == [
        ("calls", None), ("calls@2026-11-23", "2026-11-23"),
    ]  # fmt: skip


async def test_trends_follow_the_version_of_the_period(http: httpx.AsyncClient) -> None:
    listed = [await got(http, f"/v1/teams/emea/trends?period=week&at={day}") for day in ("2026-11-22", "2026-11-23")]
    assert [[trend["kpi"] for trend in found["trends"]] for found in listed] == [["calls"], []]


async def test_a_version_has_no_address_of_its_own(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/reps/ana/kpis?kpi=calls@2026-11-23")
    assert (answer.status_code, answer.json()["reason"]) == (404, "unknown_kpi")
