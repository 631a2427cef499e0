"""A Redis Cluster of three servers on this machine, for the suites that one server passes."""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr
from redis.asyncio import Redis

from cli.up.free_ports import LOOPBACK, free_ports
from shared.adapters.redis_client import open_redis
from shared.settings import RedisSettings
from tests.support.real_redis import RealRedis

NODES, SLOTS = 3, 16_384
READY_SECONDS = 20.0


REAL = [pytest.param(name, marks=pytest.mark.redis) for name in ("redis_server", "redis_cluster")]
"""What a suite for real Redis runs on: the names of the fixtures."""


@asynccontextmanager
async def open_real_redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    """A client, as services open theirs, of the server or cluster that the fixture's parameter names."""
    url: str = request.getfixturevalue(request.param).url
    async with open_redis(RedisSettings(url=SecretStr(url))) as client:
        yield client


class RealCluster:
    """``url`` names its first node. Nodes have no replicas; a killed one comes back with its append-only file."""

    def __init__(self, directory: Path) -> None:
        binary = shutil.which("redis-server")
        self._buses = free_ports(NODES)  # by default port + 10,000, which may be beyond the last one
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-config-file", "nodes.conf")
        self.nodes = [
            RealRedis(
                directory / f"node{n}", durable=True, binary=binary, options=(*options, "--cluster-port", str(bus))
            )
            for n, bus in enumerate(self._buses)
        ]
        self.url = f"redis+cluster://{LOOPBACK}:{self.nodes[0].port}/0"

    def start(self) -> None:
        """Starts the servers, deals out the slots, and waits until every node sees them covered."""
        for node in self.nodes:
            node.start()
        for n, node in enumerate(self.nodes):
            with redis.Redis(port=node.port) as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", n * SLOTS // NODES, (n + 1) * SLOTS // NODES - 1)
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
                client.execute_command("CLUSTER", "MEET", LOOPBACK, self.nodes[0].port, self._buses[0])
        self.wait_covered()

    def wait_covered(self) -> None:
        """Returns when all nodes agree that every slot is served."""
        deadline = time.monotonic() + READY_SECONDS
        while not all(self._covered(node) for node in self.nodes):
            if time.monotonic() > deadline:
                raise RuntimeError("the cluster did not come together")
            time.sleep(0.05)

    def flush(self) -> None:
        """Empties it."""
        for node in self.nodes:
            with redis.Redis(port=node.port) as client:
                client.flushall()

    def kill(self) -> None:
        """Kill -9 of every node."""
        for node in self.nodes:
            node.kill()

    @staticmethod
    def _covered(node: RealRedis) -> bool:
        with redis.Redis(port=node.port) as client:
            answer: bytes | str = client.execute_command("CLUSTER", "INFO")
        text = answer.decode() if isinstance(answer, bytes) else answer
        return "cluster_state:ok" in text and f"cluster_known_nodes:{NODES}" in text


@pytest.fixture(scope="session")
def _cluster_of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    cluster = RealCluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill()


@pytest.fixture
def redis_cluster(_cluster_of_the_run: RealCluster) -> RealCluster:
    """The run's cluster, empty: ``.url``, ``.nodes``."""
    _cluster_of_the_run.flush()
    return _cluster_of_the_run
