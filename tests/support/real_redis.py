"""A real Redis or Valkey for tests, one a test, with AOF where asked; it may be killed and restarted."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import redis

from cli.up.child import Child
from cli.up.free_ports import LOOPBACK, free_ports
from cli.up.valkey import valkey_command

READY_SECONDS = 10.0


class RealRedis:
    """A server process on a free port."""

    def __init__(
        self, directory: Path, *, durable: bool, binary: str | None = None, options: Sequence[str] = ()
    ) -> None:
        self.port = free_ports(1)[0]
        self.url = f"redis://{LOOPBACK}:{self.port}/0"
        directory.mkdir(parents=True, exist_ok=True)
        command = valkey_command(directory, self.port, durable=durable)
        if binary is not None:
            command[0] = binary
        command += options
        self._child = Child(command, log=directory / "redis.log")

    def start(self) -> None:
        """Starts and waits for PONG (after a restart: until the AOF is loaded)."""
        self._child.start()
        deadline = time.monotonic() + READY_SECONDS
        with redis.Redis(port=self.port, retry=None) as client:
            while True:
                try:
                    client.ping()
                except redis.RedisError:
                    if time.monotonic() > deadline or not self._child.running:
                        raise RuntimeError(f"Redis did not start: {self._child.last_words()}") from None
                    time.sleep(0.02)
                else:
                    return

    def kill(self) -> None:
        """Kill -9."""
        self._child.kill()

    def stop(self) -> None:
        """Orderly end."""
        self._child.stop(5)

    def restart(self) -> None:
        """Orderly end and start, on the same port and data."""
        self.stop()
        self.start()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RealRedis]:
    """An empty server without persistence: ``.url``, ``.port``, ``.kill()``, ``.start()``, ``.restart()``."""
    server = RealRedis(tmp_path / "redis", durable=False)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def durable_redis(tmp_path: Path) -> Iterator[RealRedis]:
    """As ``redis_server``, with an append-only file synced every second: it survives kill -9 but for a second."""
    server = RealRedis(tmp_path / "redis", durable=True)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis_servers(tmp_path: Path) -> Iterator[Callable[[bool], RealRedis]]:
    """Starts as many as a test needs: ``redis_servers(durable)``; the installed redis-server, if any."""
    started: list[RealRedis] = []

    def start(durable: bool) -> RealRedis:
        server = RealRedis(tmp_path / f"redis{len(started)}", durable=durable, binary=shutil.which("redis-server"))
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.kill()
