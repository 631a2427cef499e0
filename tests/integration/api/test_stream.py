"""The stream over a real socket, fed as in life: Redis holds the numbers, kpi.updates says whose changed."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import uvicorn
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer
from msgspec import Struct
from redis.asyncio import Redis

from services.api.adapters.http.app import create_app
from services.api.adapters.http.event_stream import end_streams_with
from services.api.adapters.log_followers import ChangeFollower, KafkaLogEnds
from services.api.adapters.pipeline_state import RedisPipeline
from services.api.adapters.stream_listener import StreamListener
from shared.adapters.scoreboard_reader import ScoreboardReader
from shared.contracts.messages import RepUpdated, encode_update
from shared.contracts.topics import KPI_UPDATES
from shared.observability.serving import server
from shared.settings import HttpSettings, KafkaSettings
from tests.support.api_parts import MONDAY_NOON, FixedConfiguration, TurnedClock, parts
from tests.support.eventually import eventually
from tests.support.real_redis import RealRedis
from tests.support.scoreboard_filler import ScoreboardFiller
from tests.support.tenants import kpi, rep, target, team, tenant

ACME = tenant(
    reps=[rep("ana", team="sdr"), rep("ben", team="sdr")],
    teams=[team("emea"), team("sdr", parent="emea")],
    kpis=[kpi("calls", periods=("day",)), kpi("mails", periods=("day", "week"))],
    targets=[target("60")],
)
WAIT_SECONDS = 15


class Event(Struct):
    kind: str
    data: dict[str, Any]
    id: str | None


async def next_event(lines: AsyncIterator[str], kind: str = "reading") -> Event:
    fields: dict[str, str] = {}
    async with asyncio.timeout(WAIT_SECONDS):
        async for line in lines:
            name, _, value = line.partition(": ")
            if name and value:
                fields[name] = value
            elif not line and fields.get("event") == kind:
                return Event(kind, json.loads(fields["data"]), fields.get("id"))
            elif not line:
                fields = {}
    raise AssertionError("the stream ended")


class World(Struct):
    filler: ScoreboardFiller
    http: httpx.AsyncClient
    serving: uvicorn.Server
    producer: AIOKafkaProducer

    async def work(self, rep_id: str, **counts: int) -> None:
        """What the aggregator does: the numbers first, then who changed."""
        await self.filler.count(rep_id, "2026-11-23", counts)
        update = RepUpdated(tenant="acme", rep=rep_id, version=1, at=MONDAY_NOON)
        await self.producer.send_and_wait(KPI_UPDATES, encode_update(update), key=f"acme/{rep_id}".encode())

    def stream(self, query: str = "", **headers: str) -> Any:
        return self.http.stream("GET", f"/v1/stream{query}", headers=headers)


@pytest.fixture
def bootstrap() -> Any:
    embedded = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    broker = next(iter(embedded.list_topics(timeout=10).brokers.values()))
    yield f"{broker.host}:{broker.port}"
    del embedded


@pytest.fixture
async def world(redis_server: RealRedis, bootstrap: str) -> AsyncIterator[World]:
    settings = KafkaSettings(bootstrap_servers=bootstrap)
    clock, ends = TurnedClock(), KafkaLogEnds(settings)
    async with Redis.from_url(redis_server.url) as redis, AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        filler = ScoreboardFiller(redis)
        await filler.lay_out(mark=MONDAY_NOON)
        wired = parts(
            FixedConfiguration(ACME),
            scoreboard=ScoreboardReader(redis),
            pipeline=RedisPipeline(redis, clock, ends),
            clock=clock,
        )
        listener = StreamListener(wired.hub, wired.live, "http://127.0.0.1:8080", heartbeat=lambda _: None)
        follower = ChangeFollower(settings, listener, retention=timedelta(days=1))
        serving = server(create_app(wired), HttpSettings(), 0)
        tasks = [
            asyncio.ensure_future(work)
            for work in (
                follower.run(),
                wired.live.run(),
                end_streams_with(wired.hub, serving),
                serving.serve(),
            )
        ]
        await eventually(lambda: follower.following and serving.started)
        port = serving.servers[0].sockets[0].getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=WAIT_SECONDS) as http:
            yield World(filler, http, serving, producer)
        serving.should_exit = True
        await tasks.pop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await ends.close()


async def test_a_changed_number_arrives_as_a_reading(world: World) -> None:
    async with world.stream("?rep=ana&kpi=calls") as answer:
        lines = answer.aiter_lines()
        await next_event(lines, "status")
        await world.work("ana", calls=7)
        event = await next_event(lines)
    assert (event.data["rep"], event.data["kpi"], event.data["value"]) == ("ana", "calls", 7)


async def test_every_period_that_the_kpi_lists_is_told(world: World) -> None:
    async with world.stream("?rep=ana&kpi=mails") as answer:
        lines = answer.aiter_lines()
        await next_event(lines, "status")
        await world.work("ana", mails=7)
        kinds = {(await next_event(lines)).data["period"]["kind"] for _ in range(2)}
    assert kinds == {"day", "week"}


async def test_the_teams_of_a_rep_move_with_her(world: World) -> None:
    async with world.stream("?team=emea&kpi=calls") as answer:
        lines = answer.aiter_lines()
        await next_event(lines, "status")
        await world.work("ana", calls=7)
        subjects = [(await next_event(lines)).data for _ in range(2)]
    assert [subject.get("rep") or subject["team"] for subject in subjects] == ["ana", "emea"]


async def test_who_comes_back_is_told_what_was_missed(world: World) -> None:
    async with world.stream("?rep=ana&kpi=calls") as answer:
        lines = answer.aiter_lines()
        await next_event(lines, "status")
        await world.work("ana", calls=1)
        last = (await next_event(lines)).id or ""
    async with world.stream("?rep=ben") as other:
        await next_event(other.aiter_lines(), "status")
        await world.work("ana", calls=2)
        async with world.stream("?rep=ana&kpi=calls", **{"Last-Event-ID": last}) as answer:
            event = await next_event(answer.aiter_lines())
    assert event.data["value"] == 2


async def test_after_a_restart_the_whole_state_is_told(world: World) -> None:
    await world.filler.count("ana", "2026-11-23", {"calls": 5})
    async with world.stream("?rep=ana&kpi=calls", **{"Last-Event-ID": "another-process-17"}) as answer:
        event = await next_event(answer.aiter_lines())
    assert event.data["value"] == 5


async def test_a_stream_does_not_hold_up_the_end(world: World) -> None:
    async with world.stream() as answer:
        lines = answer.aiter_lines()
        await next_event(lines, "status")
        world.serving.should_exit = True
        async with asyncio.timeout(WAIT_SECONDS):
            async for _ in lines:
                pass
    assert answer.is_closed


async def test_a_quiet_pipeline_that_has_applied_all_is_as_far_as_now(world: World) -> None:
    answer = await world.http.get("/v1/reps/ana/kpis")
    assert answer.json()["watermark"] == "2026-11-23T11:00:00Z"


async def test_an_unknown_rep_is_refused_before_the_stream_begins(world: World) -> None:
    answer = await world.http.get("/v1/stream?rep=nobody")
    assert (answer.status_code, answer.json()["reason"]) == (404, "unknown_rep")
