"""A real Kafka for tests: named by PACER_TEST_KAFKA, or in Docker, or from its jars with Java and Maven; else skipped.

With CI=true a machine without one fails: the guarantees are only tested where the broker is real.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from cli.up.kafka_jars import kafka_version, why_not
from cli.up.kafka_local import LocalKafka

ENVIRONMENT = "PACER_TEST_KAFKA"


class RealKafka:
    """A broker shared by all tests of a run: each test takes names of its own with ``unique``."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def unique(self, name: str) -> str:
        """A topic or group name that no other test has."""
        return f"{name}.{uuid.uuid4().hex[:10]}"

    def create_topic(self, name: str, partitions: int = 1, **config: str) -> str:
        """Creates the topic and returns its name when it can be used. ``config``: ``retention_ms="1"`` and the like."""
        settings = {key.replace("_", "."): value for key, value in config.items()}
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        for future in admin.create_topics([NewTopic(name, partitions, 1, config=settings)]).values():
            future.result(timeout=30)
        return name


class OwnKafka(RealKafka):
    """A broker of one test, which may stop, kill and restart it; same port and data afterwards."""

    def __init__(self, node: LocalKafka) -> None:
        super().__init__(node.bootstrap)
        self.node = node

    def kill(self) -> None:
        """Kill -9."""
        self.node.kill()

    def stop(self) -> None:
        """Orderly end."""
        self.node.stop()

    def start(self) -> None:
        """Comes back and waits until it answers."""
        self.node.start()

    def restart(self) -> None:
        """Orderly end and start."""
        self.node.restart()


def _absent(reason: str) -> None:
    message = f"no real Kafka: {reason}; set {ENVIRONMENT}=host:port, or start Docker, or install Java 17 and Maven"
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def _docker_runs() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0


def _in_docker() -> Iterator[RealKafka]:
    from testcontainers.kafka import KafkaContainer  # Docker is not everywhere, and its import warns where it is not

    with KafkaContainer(f"apache/kafka:{kafka_version()}").with_kraft() as container:
        yield RealKafka(container.get_bootstrap_server())


def _from_jars(directory: Path) -> Iterator[OwnKafka]:
    reason = why_not()
    if reason is not None:
        _absent(reason)
    node = LocalKafka(directory)
    try:
        node.start()
        yield OwnKafka(node)
    finally:
        node.stop()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka]:
    """The shared broker: ``.bootstrap``, ``.unique(name)``, ``.create_topic(name, partitions)``."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        yield RealKafka(named)
    elif _docker_runs():
        yield from _in_docker()
    else:
        yield from _from_jars(tmp_path_factory.mktemp("kafka"))


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[OwnKafka]:
    """A broker of the test's own, to be killed: always from the jars, since a named one belongs to somebody else."""
    yield from _from_jars(tmp_path / "kafka")
