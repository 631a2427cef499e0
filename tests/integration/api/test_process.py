"""The api as a process of its own: how it starts, and how it ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer

from cli.up.free_ports import free_ports
from tests.support.eventually import eventually
from tests.support.processes import Processes, Running
from tests.support.real_redis import RealRedis

FILES = {
    "tenant.yaml": "tenant: acme\nname: Acme\ntime_zone: Europe/Berlin\ncurrency: EUR\n",
    "people.yaml": "teams: [{id: emea, name: EMEA}]\nreps: [{id: ana, name: Ana, teams: [emea]}]\n",
    "kpis.yaml": "kpis:\n- {id: calls, name: C, type: leading, unit: count, aggregate: count, facts: [call.logged]}\n",
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    directory = tmp_path / "acme"
    directory.mkdir()
    for name, content in FILES.items():
        (directory / name).write_text(content)
    return directory


@pytest.fixture
def bootstrap() -> Iterator[str]:
    embedded = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    broker = next(iter(embedded.list_topics(timeout=10).brokers.values()))
    yield f"{broker.host}:{broker.port}"
    del embedded


class World:
    def __init__(self, running: Running, port: int) -> None:
        self.running = running
        self.url = f"http://127.0.0.1:{port}"

    async def ready(self) -> Any:
        async with httpx.AsyncClient(base_url=self.url) as http:

            async def state() -> bool:
                return (await http.get("/readyz")).status_code == 200

            await eventually(state, within_seconds=60)


@pytest.fixture
async def world(config: Path, bootstrap: str, redis_server: RealRedis, processes: Processes) -> World:
    (port,) = free_ports(1)
    environment = {
        "PACER_CONFIG_DIR": str(config),
        "PACER_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "PACER_REDIS__URL": redis_server.url,
        "PACER_HTTP__PORT": str(port),
    }
    started = World(processes.start("services.api", env=environment), port)
    await started.ready()
    return started


async def test_a_signal_ends_it_with_0_while_a_stream_is_open(world: World) -> None:
    async with httpx.AsyncClient(base_url=world.url) as http, http.stream("GET", "/v1/stream") as answer:
        await anext(answer.aiter_lines())
        world.running.signal()
        assert world.running.wait(within_seconds=20) == 0, world.running.output


async def test_an_edit_comes_into_force_and_a_bad_one_does_not(world: World, config: Path) -> None:
    async with httpx.AsyncClient(base_url=world.url) as http:
        (config / "people.yaml").write_text("teams: [{id: emea, name: EMEA}]\nreps: [{id: ben, name: Ben}]\n")

        async def reps() -> list[str]:
            return [rep["id"] for rep in (await http.get("/v1/catalogue")).json()["reps"]]

        await eventually(reps, equals=["ben"])
        (config / "people.yaml").write_text("reps: [{name: nobody}]\n")

        async def valid() -> bool:
            return bool((await http.get("/v1/status")).json()["configuration"]["valid"])

        await eventually(valid, equals=False)
        assert await reps() == ["ben"]


async def test_the_kpis_are_series(world: World) -> None:
    async with httpx.AsyncClient(base_url=world.url) as http:
        metrics = (await http.get("/metrics")).text
    assert 'pacer_kpi_value{kpi="calls",period="day",rep="ana",team="emea",tenant="acme"} 0.0' in metrics


def test_a_configuration_that_cannot_be_read_ends_it_with_2(config: Path, processes: Processes) -> None:
    (config / "kpis.yaml").write_text("kpis: [{id: calls}]\n")
    running = processes.start("services.api", env={"PACER_CONFIG_DIR": str(config)})
    assert (running.wait(), "kpis.yaml" in running.output) == (2, True)
