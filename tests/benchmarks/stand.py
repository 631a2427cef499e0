"""The stand that benchmarks run on: a real Kafka, a real Redis and our services as processes, all on free ports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import yaml

from cli.demo import demo_environment
from cli.simulate.demo_tenant import write_demo_config
from cli.up.child import Child
from cli.up.free_ports import free_ports
from cli.up.kafka_local import LocalKafka
from cli.up.missing_secrets import missing_variables
from shared.adapters.system_clock import SystemClock
from tests.benchmarks.webhook_requests import Plan

PROJECT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60.0
PARTITIONS = 8
NOBODY = "http://127.0.0.1:9/alerts"
"""Alerts of a benchmark go nowhere."""


class Stand:
    """Everything that a benchmark may start; ``close`` of the exit stack ends it all."""

    def __init__(self, directory: Path, ending: ExitStack) -> None:
        self.directory = directory
        self.config = directory / "config"
        self._ending = ending
        self.redis_port = 0
        self.bootstrap = ""
        self.environment: dict[str, str] = {}
        self.children: dict[str, Child] = {}

    def prepare(self) -> None:
        """Configuration, Kafka and Redis."""
        write_demo_config(self.config, SystemClock().now())
        lift_limits(self.config / "sources.yaml")
        kafka = LocalKafka(self.directory / "kafka")
        self._ending.callback(kafka.kill)
        kafka.start()
        self.bootstrap = kafka.bootstrap
        self.redis_port = free_ports(1)[0]
        self.start("redis", ["redis-server", "--port", str(self.redis_port), "--save", "", "--appendonly", "no"])
        made = demo_environment(missing_variables(self.config, {}), NOBODY)
        self.environment = {
            **os.environ,
            **made,
            "PACER_CONFIG_DIR": str(self.config),
            "PACER_KAFKA__BOOTSTRAP_SERVERS": self.bootstrap,
            "PACER_REDIS__URL": f"redis://127.0.0.1:{self.redis_port}/0",
            "PACER_LOG__LEVEL": "warning",
        }

    def start(self, name: str, command: list[str], **environment: str) -> Child:
        """A process that ends with the stand."""
        log = self.directory / "logs" / f"{name}.log"
        child = Child(command, log=log, environment={**os.environ, **self.environment, **environment})
        child.start()
        self._ending.callback(lambda: child.stop(10))
        self.children[name] = child
        return child

    def service(self, name: str) -> int:
        """One of our services, ready; its port. Raises: RuntimeError with the end of its log."""
        port = free_ports(1)[0]
        child = self.start(name, [sys.executable, "-m", f"services.{name}"], PACER_HTTP__PORT=str(port))
        until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), child.last_words)
        return port

    def module(self, name: str, *arguments: str) -> Child:
        """One of the benchmarks' own modules as a process."""
        return self.start(name, [sys.executable, "-m", f"tests.benchmarks.{name}", *arguments])

    def run(self, name: str, *arguments: str) -> str:
        """One of the benchmarks' own modules to its end; what it printed."""
        command = [sys.executable, "-m", f"tests.benchmarks.{name}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120, cwd=PROJECT).stdout

    def load(self, plan: Plan) -> dict[str, Any]:
        """What the load client found."""
        found: dict[str, Any] = json.loads(self.run("load_client", msgspec.json.encode(plan).decode()))
        return found

    def source(self, source_id: str) -> dict[str, Any]:
        """A source as configured."""
        sources: list[dict[str, Any]] = yaml.safe_load((self.config / "sources.yaml").read_text())["sources"]
        return next(source for source in sources if source["id"] == source_id)

    def secret(self, source_id: str) -> str:
        """The invented secret of a source."""
        return self.environment[self.source(source_id)["secrets"][0]["env"]]

    def pid(self, name: str) -> int:
        """Of a process that was started."""
        pid = self.children[name].pid
        if pid is None:
            raise RuntimeError(f"{name} has ended:\n{self.children[name].last_words()}")
        return pid


@contextmanager
def open_stand() -> Iterator[Stand]:
    """A stand with Kafka and Redis running; nothing of it is left afterwards."""
    with tempfile.TemporaryDirectory(prefix="pacer-bench-") as directory, ExitStack() as ending:
        stand = Stand(Path(directory), ending)
        stand.prepare()
        yield stand


def lift_limits(path: Path) -> None:
    """No rate limit: what is measured is the service, not its guard."""
    content = yaml.safe_load(path.read_text())
    for source in content["sources"]:
        source["limits"] = {"requests_per_second": 1_000_000, "burst": 1_000_000}
        source.pop("expect_every", None)
    path.write_text(yaml.safe_dump(content))


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def until(holds: Callable[[], bool], words: Callable[[], str], within_seconds: float = READY_SECONDS) -> None:
    """Wait with a deadline. Raises: RuntimeError with the words when it is over."""
    deadline = time.monotonic() + within_seconds
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {within_seconds} s:\n{words()}")
        time.sleep(0.05)


def resident_megabytes(pid: int) -> float:
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1024
