"""The api's numbers from a real Redis that holds what the aggregator would write."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from msgspec import Struct
from redis.asyncio import Redis

from services.api.adapters.http.answers import encode
from services.api.adapters.http.app import create_app
from services.api.adapters.pipeline_state import RedisPipeline
from shared.adapters.scoreboard_reader import ScoreboardReader
from shared.domain.instants import SECOND_US
from shared.domain.kpis import Aggregate, KpiType, Unit
from shared.domain.tenant import SourceRhythm
from tests.support.api_parts import MONDAY_NOON, FixedConfiguration, TurnedClock, local_client, parts
from tests.support.real_redis import RealRedis
from tests.support.scoreboard_filler import ScoreboardFiller
from tests.support.tenants import kpi, rep, target, team, tenant

HOUR_US = 3600 * SECOND_US
ACME = tenant(
    reps=[rep("ana", team="sdr", zone="Europe/Madrid"), rep("ben", team="sdr"), rep("cy", team="other")],
    teams=[team("emea"), team("sdr", parent="emea"), team("other")],
    kpis=[
        kpi("calls"),
        kpi("revenue", unit=Unit.MONEY, aggregate=Aggregate.SUM, field="amount", type=KpiType.LAGGING),
        kpi("accounts", aggregate=Aggregate.DISTINCT, field="account"),
        kpi("pipeline", unit=Unit.MONEY, aggregate=Aggregate.LATEST, field="amount", facts=("deal.open",)),
        kpi("talk_p50", unit=Unit.SECONDS, aggregate=Aggregate.PERCENTILE, percentile=Decimal(50), field="seconds"),
        kpi("best", unit=Unit.MONEY, aggregate=Aggregate.MAXIMUM, field="amount"),
    ],
    targets=[target("60")],
    sources={"native": SourceRhythm("native", "native", expect_every_us=HOUR_US)},
)


class World(Struct):
    filler: ScoreboardFiller
    http: httpx.AsyncClient
    clock: TurnedClock

    async def readings(self, path: str) -> list[dict[str, Any]]:
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["readings"])


@pytest.fixture
async def world(redis_server: RealRedis) -> AsyncIterator[World]:
    clock = TurnedClock()
    async with Redis.from_url(redis_server.url) as redis:
        filler = ScoreboardFiller(redis)
        await filler.lay_out(mark=MONDAY_NOON - SECOND_US)
        configured = FixedConfiguration(ACME)
        wired = parts(configured, scoreboard=ScoreboardReader(redis), pipeline=RedisPipeline(redis, clock), clock=clock)
        async with local_client(create_app(wired)) as http:
            yield World(filler, http, clock)


async def test_a_day_is_read_with_its_target_and_pace(world: World) -> None:
    await world.filler.count("ana", "2026-11-23", {"calls": 41})
    (reading,) = await world.readings("/v1/reps/ana/kpis?kpi=calls")
    shown = {name: reading[name] for name in ("rep", "value", "target", "expected_to_date", "attainment", "status")}
    assert shown == {
        "rep": "ana", "value": 41, "target": 60, "expected_to_date": 22.5, "attainment": 0.683333, "status": "on_track",
    }  # fmt: skip


async def test_a_period_names_its_bounds_in_the_reps_zone(world: World) -> None:
    (reading,) = await world.readings("/v1/reps/ana/kpis?kpi=calls&at=2026-11-23")
    assert reading["period"] == {
        "kind": "day", "id": "2026-11-23", "start": "2026-11-22T23:00:00Z", "end": "2026-11-23T23:00:00Z",
        "time_zone": "Europe/Madrid",
    }  # fmt: skip


async def test_money_keeps_four_decimals_as_a_json_number(world: World) -> None:
    await world.filler.count("ana", "2026-11-23", {"revenue": (1, "12345678901234.5678")})
    answer = await world.http.get("/v1/reps/ana/kpis?kpi=revenue")
    assert '"value":12345678901234.5678,' in answer.text


async def test_a_null_is_a_null(world: World) -> None:
    (reading,) = await world.readings("/v1/reps/ana/kpis?kpi=revenue")
    assert (reading["target"], reading["pace"], reading["miss_probability"]) == (None, None, None)


async def test_a_count_says_how_likely_it_is_to_be_missed(world: World) -> None:
    """Five of eight hours are left: some 25 more calls."""
    for day in range(2, 21):
        await world.filler.count("ana", f"2026-11-{day:02}", {"calls": 40})
    await world.filler.count("ana", "2026-11-23", {"calls": 40})
    found = [await world.readings(f"/v1/{path}/kpis?kpi=calls") for path in ("reps/ana", "reps/ben", "teams/emea")]
    likely, unknown, team = (reading["miss_probability"] for (reading,) in found)
    assert (0.05 < likely < 0.35, unknown, team) == (True, None, pytest.approx(1, abs=1e-4))


@pytest.mark.parametrize("period", ["week", "month", "quarter", "year"])
async def test_longer_periods_merge_their_days(world: World, period: str) -> None:
    await world.filler.count("ana", "2026-11-24", {"calls": 2})
    await world.filler.count("ana", "2026-11-25", {"calls": 3})
    (reading,) = await world.readings(f"/v1/reps/ana/kpis?kpi=calls&period={period}")
    assert reading["value"] == 5


async def test_every_kpi_is_answered_where_none_is_named(world: World) -> None:
    found = await world.readings("/v1/reps/ana/kpis")
    assert [reading["kpi"] for reading in found] == ["calls", "revenue", "accounts", "pipeline", "talk_p50", "best"]


async def test_a_team_adds_up_its_subtree(world: World) -> None:
    await world.filler.count("ana", "2026-11-23", {"calls": 4})
    await world.filler.count("ben", "2026-11-23", {"calls": 5})
    await world.filler.count("cy", "2026-11-23", {"calls": 100})
    (reading,) = await world.readings("/v1/teams/emea/kpis?kpi=calls")
    assert (reading["team"], reading["value"], reading["target"]) == ("emea", 9, 120)


async def test_a_team_unites_distinct_values(world: World) -> None:
    await world.filler.distinct("ana", "accounts", "2026-11-23", ["a", "b"])
    await world.filler.distinct("ben", "accounts", "2026-11-23", ["b", "c"])
    (reading,) = await world.readings("/v1/teams/emea/kpis?kpi=accounts&org=as_is")
    assert reading["value"] == 3


async def test_a_percentile_weighs_each_number_by_its_facts(world: World) -> None:
    await world.filler.numbers("ana", "talk_p50", "2026-11-23", "5", "5", "5", "10", "20")
    await world.filler.numbers("ben", "talk_p50", "2026-11-24", "20", "20", "20.5")
    found = [await world.readings(f"/v1/{path}/kpis?kpi=talk_p50&period=week") for path in ("reps/ana", "teams/emea")]
    assert [reading["value"] for (reading,) in found] == [5, 10]


async def test_the_greatest_amount_of_nothing_is_null(world: World) -> None:
    await world.filler.numbers("ben", "best", "2026-11-23", "-7.5", "-9")
    found = [await world.readings(f"/v1/{path}/kpis?kpi=best") for path in ("reps/ana", "teams/emea")]
    assert [reading["value"] for (reading,) in found] == [None, -7.5]


async def test_members_follow_their_team(world: World) -> None:
    found = await world.readings("/v1/teams/emea/kpis?kpi=calls&members=true")
    assert [reading.get("team") or reading["rep"] for reading in found] == ["emea", "ana", "ben"]


async def test_a_stock_is_what_holds_now(world: World) -> None:
    await world.filler.state("ana", {"pipeline": (2, "700.50")})
    (now,) = await world.readings("/v1/reps/ana/kpis?kpi=pipeline")
    (past,) = await world.readings("/v1/reps/ana/kpis?kpi=pipeline&at=2026-11-20")
    assert (now["value"], past["value"]) == (700.5, None)


async def test_standings_rank_the_best_first(world: World) -> None:
    await world.filler.count("ana", "2026-11-23", {"calls": 4})
    await world.filler.count("ben", "2026-11-23", {"calls": 5})
    found = await world.readings("/v1/kpis/calls/standings?team=emea&by=value")
    assert [(place["rank"], place["rep"], place["score"]) for place in found] == [(1, "ben", 5), (2, "ana", 4)]


async def test_the_watermark_is_the_earliest_mark(world: World) -> None:
    answer = (await world.http.get("/v1/reps/ana/kpis")).json()
    assert answer["watermark"] == "2026-11-23T10:59:59Z"


async def test_numbers_are_not_measurable_while_a_source_is_out(world: World) -> None:
    await world.filler.source_spoke("native", MONDAY_NOON - 2 * HOUR_US)
    (reading,) = await world.readings("/v1/reps/ana/kpis?kpi=calls")
    assert reading["measurable"] is False


async def test_the_same_answer_is_not_sent_twice(world: World) -> None:
    first = await world.http.get("/v1/reps/ana/kpis")
    world.clock.at += 14 * SECOND_US
    again = await world.http.get("/v1/reps/ana/kpis", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_changed_number_is_sent_again(world: World) -> None:
    first = await world.http.get("/v1/reps/ana/kpis")
    await world.filler.count("ana", "2026-11-23", {"calls": 1})
    again = await world.http.get("/v1/reps/ana/kpis", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 200


async def test_the_version_rises_with_every_change(world: World) -> None:
    await world.filler.count("ana", "2026-11-23", {"calls": 1})
    (before,) = await world.readings("/v1/reps/ana/kpis?kpi=calls")
    await world.filler.count("ana", "2026-11-23", {"calls": 2})
    (after,) = await world.readings("/v1/reps/ana/kpis?kpi=calls")
    assert after["version"] > before["version"]


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/v1/reps/nobody/kpis", 404, "unknown_rep"),
        ("/v1/teams/nobody/kpis", 404, "unknown_team"),
        ("/v1/reps/ana/kpis?kpi=luck", 404, "unknown_kpi"),
        ("/v1/kpis/luck/standings", 404, "unknown_kpi"),
        ("/v1/reps/ana/kpis?period=decade", 400, "invalid_period"),
        ("/v1/reps/ana/kpis?period=rolling:0m", 400, "invalid_period"),
        ("/v1/reps/ana/kpis?period=rolling:367d", 400, "invalid_period"),
        ("/v1/reps/ana/kpis?period=rolling:1w", 400, "invalid_period"),
        ("/v1/teams/emea/trends?period=rolling:7d", 400, "invalid_period"),
        ("/v1/reps/ana/kpis?at=yesterday", 400, "invalid_at"),
        ("/v1/teams/emea/kpis?org=as_if", 400, "invalid_org"),
        ("/v1/teams/emea/kpis?members=perhaps", 422, "invalid_request"),
        ("/v1/kpis/calls/standings?by=luck", 400, "invalid_by"),
        ("/v1/nothing", 404, "not_found"),
        ("/v1/reps/ana/kpis?tenant=globex", 404, "unknown_tenant"),
    ],
)
async def test_a_refusal_is_a_problem_document_with_its_reason(
    world: World, path: str, status: int, reason: str
) -> None:
    answer = await world.http.get(path)
    assert (answer.status_code, answer.json()["reason"], answer.headers["content-type"]) == (
        status, reason, "application/problem+json",
    )  # fmt: skip


async def test_an_empty_redis_reads_as_nothing_yet(world: World, redis_server: RealRedis) -> None:
    async with Redis.from_url(redis_server.url) as redis:
        await redis.flushall()
    answer = (await world.http.get("/v1/reps/ana/kpis?kpi=calls")).json()
    assert (answer["watermark"], answer["readings"][0]["value"]) == (None, 0)


async def test_without_redis_the_answer_is_try_again(world: World, redis_server: RealRedis) -> None:
    redis_server.kill()
    answer = await world.http.get("/v1/reps/ana/kpis")
    assert (answer.status_code, answer.json()["reason"], answer.headers["retry-after"]) == (
        503,
        "redis_unavailable",
        "1",
    )


def test_decimals_survive_exactly() -> None:
    assert encode({"value": Decimal("0.1")}) == b'{"value":0.1}'
