"""A real Apache Kafka node (KRaft, broker and controller in one process) from its jars, without Docker.

Serves `pacer up` with a local Kafka and the tests; durable in its directory, same ports over restarts.
"""

from __future__ import annotations

import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from cli.up.child import Child
from cli.up.free_ports import LOOPBACK, free_ports
from cli.up.kafka_jars import KafkaNotRunnable, fetch_jars, java_version
from cli.up.kafka_probe import answers_metadata

READY_SECONDS = 60.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.1
HEAP = ("-Xmx512m", "-XX:+UseSerialGC")
"""375 MB resident; serial collection leaves the other cores to the services."""


class LocalKafka:
    """One node with its storage in ``directory``. start() blocks until it answers.

    Start it from the main thread (see Child). stop() ends it in order, kill() as a power cut would; after either,
    start() brings it back on the same ports with the same data.
    """

    def __init__(self, directory: Path, *, log: Path | None = None) -> None:
        self.directory = directory
        self.port, self.controller_port = free_ports(2)
        self.log = log or directory / "kafka.log"
        self._child: Child | None = None

    @property
    def bootstrap(self) -> str:
        """host:port for clients."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Process id, None before the first start."""
        return self._child.pid if self._child else None

    @property
    def running(self) -> bool:
        """True while the process lives, ready or not."""
        return self._child is not None and self._child.running

    @property
    def exit_code(self) -> int | None:
        """How it ended, negative by a signal; None while it lives, and before its first start."""
        return None if self._child is None else self._child.exit_code

    def start(self, within_seconds: float = READY_SECONDS) -> None:
        """Starts the node and waits for its metadata. Raises: KafkaNotRunnable with the end of its log."""
        self.launch()
        deadline = time.monotonic() + within_seconds
        while not self.ready():
            if not self.running or time.monotonic() > deadline:
                self.kill()
                raise KafkaNotRunnable(f"Kafka did not start (log: {self.log}):\n{self.last_words()}")
            time.sleep(POLL_SECONDS)

    def launch(self) -> None:
        """Starts the process without waiting; the storage is formatted on the first start in a directory."""
        if self._child is None:
            java_version()
            self._child = Child(self._java("kafka.Kafka", str(self._properties())), log=self.log)
            self._format()
        if not self._child.running:
            self._child.start()

    def ready(self) -> bool:
        """True when it answers a metadata request."""
        return self.running and answers_metadata(LOOPBACK, self.port)

    def stop(self, within_seconds: float = STOP_SECONDS) -> bool:
        """Orderly end; False when it had to be killed."""
        return self._child.stop(within_seconds) if self._child else True

    def kill(self) -> None:
        """Kill -9."""
        if self._child:
            self._child.kill()

    def last_words(self) -> str:
        """The end of its log."""
        return self._child.last_words() if self._child else ""

    def restart(self) -> None:
        """stop() and start()."""
        self.stop()
        self.start()

    def _java(self, main: str, *arguments: str) -> list[str]:
        return [
            "java",
            *HEAP,
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp",
            f"{fetch_jars()}/*",
            main,
            *arguments,
        ]

    def _properties(self) -> Path:
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / "server.properties"
        path.write_text(_server_properties(self.directory, self.port, self.controller_port))
        return path

    def _format(self) -> None:
        storage = self.directory / "storage"
        if (storage / "meta.properties").exists():
            return
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        if cluster.startswith("-"):  # the tool would take it for an option
            cluster = "A" + cluster[1:]
        format_command = self._java(
            "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self.directory / "server.properties")
        )
        ended = subprocess.run(format_command, capture_output=True, text=True, check=False, timeout=120)
        if ended.returncode != 0:
            raise KafkaNotRunnable(f"Kafka's storage in {storage} cannot be formatted:\n{ended.stderr[-1500:]}")


def _server_properties(directory: Path, port: int, controller_port: int) -> str:
    entries = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": str((directory / "storage").resolve()),
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",  # one node, few groups: fifty only cost start-up time
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "broker.session.timeout.ms": "3000",  # after a kill -9 the node may come back once its old session has expired
        "broker.heartbeat.interval.ms": "500",
    }
    return "".join(f"{key}={value}\n" for key, value in entries.items())
