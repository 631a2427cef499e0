"""The mutated requests against a process of its own on the embedded broker, with its memory watched from outside."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from services.ingest.providers.registry import PROVIDERS
from shared.domain.instants import SECOND_US, Micros
from tests.fuzz.requests import requests
from tests.fuzz.senders import OPTIONS, Request, secret_of, source_of
from tests.support.processes import PROJECT, Processes, Running
from tests.support.raw_http import Reply, Wire

START_SECONDS = 30.0
MOST_SECONDS = 5.0
"""For one answer on a machine that is busy otherwise."""
MOST_GROWTH_BYTES = 96 * 2**20
"""Between the first requests of every provider and the last: what a leak would pass, and a batch in hand would not."""
WARM_UP = 150


def configuration_in(directory: Path) -> dict[str, str]:
    """A tenant with one source a provider; the environment with their secrets."""
    directory.mkdir()
    for name in ("tenant.yaml", "kpis.yaml"):
        shutil.copy(PROJECT / "config" / "acme" / name, directory)
    (directory / "people.yaml").write_text("teams: [{id: emea, name: EMEA}]\nreps: [{id: ana, name: Ana}]\n")
    sources = [_configured(provider) for provider in PROVIDERS]
    (directory / "sources.yaml").write_text(yaml.safe_dump({"sources": sources}))
    return {_variable(provider): secret_of(provider) for provider in PROVIDERS}


def _configured(provider: str) -> dict[str, Any]:
    source, options = source_of(provider), OPTIONS.get(provider, {})
    return {
        "id": source.id,
        "provider": provider,
        "public_url": source.public_url,
        "secrets": [{"env": _variable(provider)}],
        "limits": {"requests_per_second": 1e6, "burst": 1_000_000},
        "options": {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()},
    }


def _variable(provider: str) -> str:
    return f"FUZZ_{provider.upper()}"


class Target:
    """A running ingest. ``send`` raises AssertionError when something is not as it must be."""

    def __init__(self, processes: Processes, directory: Path, bootstrap: str, port: int) -> None:
        environment = configuration_in(directory / "acme") | {
            "PACER_CONFIG_DIR": str(directory / "acme"),
            "PACER_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "PACER_HTTP__PORT": str(port),
            "PACER_LOG__LEVEL": "debug",
            "PACER_SPOOL__DIR": str(directory / "spool"),
        }
        self._port = port
        self.running: Running = processes.start("services.ingest", env=environment)
        self._until_ready()
        self._wire = Wire(port)

    def _until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.get("/readyz").code != 200:
            assert self.running.process.poll() is None and time.monotonic() < deadline, self.running.output[-3000:]
            time.sleep(0.1)

    def get(self, path: str) -> Reply:
        """Over a connection of its own; code 0 while nobody listens."""
        try:
            connection = Wire(self._port)
        except OSError:
            return Reply(0)
        connection.send(f"GET {path} HTTP/1.1\r\nHost: ingest\r\nConnection: close\r\n\r\n".encode())
        reply = connection.reply()
        connection.socket.close()
        return reply

    def send(self, source_id: str, request: Request) -> Reply:
        """The answer. A connection that the server has ended after an answer is opened anew."""
        started = time.monotonic()
        reply = Reply(0)
        if self._wire.send(wired(source_id, request)):
            reply = self._wire.reply()
        if reply.code == 0:
            self._wire.socket.close()
            self._wire = Wire(self._port)
            self._wire.send(wired(source_id, request))
            reply = self._wire.reply()
        took = time.monotonic() - started
        assert self.running.process.poll() is None, self.running.output[-3000:]
        assert 200 <= reply.code < 300 or 400 <= reply.code < 500, (reply, request)
        assert took < MOST_SECONDS, (took, request)
        return reply

    @property
    def resident_bytes(self) -> int:
        """What the process holds in memory."""
        status = Path(f"/proc/{self.running.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def close(self) -> None:
        self._wire.socket.close()


def wired(source_id: str, request: Request) -> bytes:
    """As it goes over the wire."""
    token = f"/{quote(request.path_token, safe='/%')}" if request.path_token else ""
    query = f"?{request.query}" if request.query else ""
    lines = [f"POST /v1/webhooks/{source_id}{token}{query} HTTP/1.1", "Host: ingest"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    lines += [f"Content-Length: {len(request.body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace") + request.body


def rounds(target: Target, seed: int) -> Iterator[tuple[str, int]]:
    """One request of each provider in turn, for ever: the provider and what it was answered."""
    now: Micros = int(time.time()) * SECOND_US
    streams = {provider: requests(provider, seed, now) for provider in PROVIDERS}
    renewed_at = time.monotonic()
    while True:
        if time.monotonic() - renewed_at > 120:  # signatures have an age
            seed, now, renewed_at = seed + 1, int(time.time()) * SECOND_US, time.monotonic()
            streams = {provider: requests(provider, seed, now) for provider in PROVIDERS}
        for provider, stream in streams.items():
            yield provider, target.send(source_of(provider).id, next(stream)).code


def run(target: Target, *, seconds: float, seed: int) -> dict[str, dict[int, int]]:
    """How often each provider was answered what. Raises: AssertionError."""
    statuses: dict[str, dict[int, int]] = {provider: {} for provider in PROVIDERS}
    stream = rounds(target, seed)
    for _ in range(WARM_UP * len(PROVIDERS)):
        next(stream)
    before, until = target.resident_bytes, time.monotonic() + seconds
    while time.monotonic() < until:
        provider, status = next(stream)
        statuses[provider][status] = statuses[provider].get(status, 0) + 1
    grown = target.resident_bytes - before
    assert grown < MOST_GROWTH_BYTES, f"{grown / 2**20:.0f} MiB more than the {before / 2**20:.0f} MiB before"
    tells_nothing(target)
    return statuses


def tells_nothing(target: Target) -> None:
    """Neither a crash nor a secret is in what the process has written and counts."""
    metrics = target.get("/metrics").body.decode()
    counted = [line for line in metrics.splitlines() if line.startswith("ingest_deliveries_total{")]
    unexpected = [line for line in counted if 'reason="unexpected"' in line]
    assert unexpected and all(line.endswith(" 0.0") for line in unexpected), unexpected
    told = target.running.output + metrics
    assert "unexpected_error" not in told
    for provider in PROVIDERS:
        assert secret_of(provider) not in told, provider


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
