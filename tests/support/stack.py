"""A running `pacer up`, used from the outside only: HTTP, process ids, exit codes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

START_SECONDS = 120.0
TOKEN = "token-of-the-stack"
HUBSPOT_SECRET = "11111111-2222-4333-8444-555555555555"
PUBLIC_URL = "https://hooks.example.com/v1/webhooks/hubspot"


class Stack:
    """`pacer up` on free ports with a configuration of the test's own."""

    def __init__(self, directory: Path, configuration: dict[str, Any], *arguments: str, **environment: str) -> None:
        self.config = directory / "config"
        self.data = directory / "data"
        self.config.mkdir(parents=True)
        for name, content in configuration.items():
            (self.config / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        names = ("api", "ingest", "aggregator", "alerts")
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.log = directory / "up.log"
        self._arguments = [
            *("--config", str(self.config), "--data", str(self.data)),
            *(part for name, port in self.ports.items() for part in (f"--{name}-port", str(port))),
            *arguments,
        ]
        self._environment = {**os.environ, "TEST_TOKEN": TOKEN, "TEST_HUBSPOT": HUBSPOT_SECRET, **environment}
        self.http = httpx.AsyncClient(timeout=20)

    async def __aenter__(self) -> Self:
        with self.log.open("w") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - starting a child takes a moment only
                [sys.executable, "-m", "cli.main", "up", *self._arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not any(line.startswith("ready") for line in self.log.read_text().splitlines()):
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            await asyncio.sleep(0.1)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self.process.wait, 60)
        for pid in [*self.children(), self.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def url(self, service: str, path: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}{path}"

    async def native(self, events: Iterable[dict[str, Any]]) -> httpx.Response:
        content = json.dumps(list(events)).encode()
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        return await self.http.post(self.url("ingest", "/v1/webhooks/native"), content=content, headers=headers)

    async def hubspot(self, events: Iterable[dict[str, Any]], *, secret: str = HUBSPOT_SECRET) -> httpx.Response:
        content = json.dumps(list(events)).encode()
        stamp = str(int(time.time() * 1000))
        signed = b"POST" + PUBLIC_URL.encode() + content + stamp.encode()
        signature = base64.b64encode(hmac.digest(secret.encode(), signed, hashlib.sha256)).decode()
        headers = {
            "Content-Type": "application/json",
            "X-HubSpot-Request-Timestamp": stamp,
            "X-HubSpot-Signature-v3": signature,
        }
        return await self.http.post(self.url("ingest", "/v1/webhooks/hubspot"), content=content, headers=headers)

    async def get(self, path: str, **parameters: str) -> Any:
        answer = await self.http.get(self.url("api", path), params=parameters)
        return answer.raise_for_status().json()

    async def values(self, who: str, kind: str, at: str) -> dict[str, Any]:
        """Values by KPI of ``reps/ana`` or ``teams/emea``."""
        found = await self.get(f"/v1/{who}/kpis", period=kind, at=at)
        return {reading["kpi"]: reading["value"] for reading in found["readings"]}

    def children(self, named: str = "") -> list[int]:
        listed = subprocess.run(
            ["pgrep", "-P", str(self.process.pid), "-f", named], capture_output=True, text=True, check=False
        )
        return [int(pid) for pid in listed.stdout.split()]

    def session(self) -> list[int]:
        """Every process that descends from the supervisor, wherever it hangs."""
        listed = subprocess.run(["pgrep", "-s", str(self.process.pid)], capture_output=True, text=True, check=False)
        return [int(pid) for pid in listed.stdout.split()]


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
