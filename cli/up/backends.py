"""Kafka and Redis as `pacer up` finds or runs them: embedded, local, or somebody else's."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import redis

from cli.up.child import Child
from cli.up.free_ports import LOOPBACK, free_ports
from cli.up.kafka_local import LocalKafka
from cli.up.kafka_probe import answers_metadata
from cli.up.plan import LOCAL_KAFKA, UpOptions
from cli.up.valkey import answers_ping, valkey_command
from shared.adapters.redis_client import address_of_one


class Part(Protocol):
    """A server that the services need."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def address(self) -> str:
        """For clients; of the embedded broker it is known once it is ready, and new with each start."""

    @property
    def log_identity(self) -> str | None:
        """Names a log that ends with the process; None where the broker itself knows."""

    @property
    def running(self) -> bool:
        """True while the process lives; always for somebody else's."""

    @property
    def exit_code(self) -> int | None:
        """How it ended, negative by a signal; None while it lives."""

    def launch(self) -> None:
        """Starts it without waiting."""

    def ready(self) -> bool:
        """True when it answers."""

    def stop(self, within_seconds: float) -> bool:
        """Orderly end; False when it had to be killed."""

    def kill(self) -> None:
        """Immediate end."""

    def last_words(self) -> str:
        """The end of its log."""


class _Process:
    """What the parts that we run have in common."""

    log_identity: str | None = None

    def __init__(self, child: Child) -> None:
        self.child = child

    @property
    def running(self) -> bool:
        return self.child.running

    @property
    def exit_code(self) -> int | None:
        return self.child.exit_code

    def stop(self, within_seconds: float) -> bool:
        return self.child.stop(within_seconds)

    def kill(self) -> None:
        self.child.kill()

    def last_words(self) -> str:
        return self.child.last_words()

    def launch(self) -> None:
        self.child.start()


class EmbeddedBroker(_Process):
    """The mock cluster in a process of its own; each start is a new, empty log."""

    name = "embedded broker"

    def __init__(self, directory: Path, logs: Path) -> None:
        self._file = directory / "broker.address"
        super().__init__(
            Child([sys.executable, "-m", "cli.up.embedded_broker", str(self._file)], log=logs / "broker.log")
        )

    @property
    def address(self) -> str:
        """host:port once it listens."""
        return self._file.read_text() if self._file.exists() else ""

    def launch(self) -> None:
        """A new broker with a new log."""
        self._file.unlink(missing_ok=True)
        self.log_identity = f"embedded-{secrets.token_hex(8)}"
        super().launch()

    def ready(self) -> bool:
        """True when it answers."""
        return self.running and _kafka_answers(self.address)


class EmbeddedValkey(_Process):
    """The real server's binary with an append-only file in the data directory."""

    name = "embedded Valkey"

    def __init__(self, directory: Path, logs: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._port = free_ports(1)[0]
        self.address = f"redis://{LOOPBACK}:{self._port}/0"
        super().__init__(Child(valkey_command(directory, self._port), log=logs / "valkey.log"))

    def ready(self) -> bool:
        """True when it answers."""
        return self.running and answers_ping(self._port)


class LocalNode(LocalKafka):
    """A real Kafka node, durable in the data directory."""

    name = "local Kafka"
    log_identity = None

    @property
    def address(self) -> str:
        """host:port."""
        return self.bootstrap


class Theirs:
    """A server that somebody else runs: never started, never stopped."""

    running = True
    exit_code = None
    log_identity = None

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address

    def launch(self) -> None:
        """Nothing to start."""

    def ready(self) -> bool:
        """True when it answers."""
        return _redis_answers(self.address) if "://" in self.address else _kafka_answers(self.address)

    def stop(self, within_seconds: float) -> bool:  # noqa: ARG002 - the port's signature
        """Nothing to stop."""
        return True

    def kill(self) -> None:
        """Nothing to kill."""

    def last_words(self) -> str:
        """What to look at."""
        return f"nothing answers at {without_password(self.address)}"


def choose_backends(options: UpOptions) -> tuple[Part, Part]:
    """Kafka and Redis as the options ask for. Raises: ConfigurationError where this machine cannot run them."""
    logs = options.data / "logs"
    kafka: Part
    if options.kafka is None:
        kafka = EmbeddedBroker(options.data, logs)
    elif options.kafka == LOCAL_KAFKA:
        kafka = LocalNode(options.data / "kafka", log=logs / "kafka.log")
    else:
        kafka = Theirs("Kafka", options.kafka)
    if options.redis:
        return kafka, Theirs("Redis", options.redis)
    return kafka, EmbeddedValkey(options.data / "valkey", logs)


def _kafka_answers(bootstrap: str) -> bool:
    for server in filter(None, bootstrap.split(",")):
        host, _, port = server.strip().rpartition(":")
        if port.isdigit() and answers_metadata(host, int(port)):
            return True
    return False


def _redis_answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(address_of_one(url), socket_timeout=2, socket_connect_timeout=2) as client:
            return bool(client.ping())
    except (redis.RedisError, ValueError):
        return False


def without_password(url: str) -> str:
    """The address as it may be shown and stored."""
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", ":***@") if parts.password else url
