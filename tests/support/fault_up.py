"""The deployment of the fault tests under `pacer up`, whose supervisor may be killed and started again."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

from tests.support.eventually import eventually
from tests.support.fault_floor import READY_SECONDS, FaultFloor
from tests.support.processes import Running


class UpFloor(FaultFloor):
    """``supervisor`` is `pacer up` with two workers on a Kafka and a Redis of somebody else's."""

    supervisor: Running

    def __init__(self, directory: Path, *, kafka: str, redis_url: str, seed: int) -> None:
        super().__init__(directory, kafka=kafka, redis_url=redis_url, seed=seed, shortfall=False)
        ports = (f"--{name}-port={self.ports[name]}" for name in ("ingest", "aggregator", "alerts", "api"))
        data = directory / "data"
        self._command = ["up", f"--config={self.config}", f"--data={data}", f"--kafka={kafka}", f"--redis={redis_url}"]
        self._command += ["--workers=2", *ports]

    async def open(self) -> None:
        await self.up()
        async with self.load.flowing():
            await asyncio.sleep(2)
        await self.check()

    async def up(self) -> None:
        """Starts the supervisor and returns when it says that all is ready."""
        self.supervisor = self._processes.start("cli.main", *self._command, env=self._environment)

        def is_ready() -> bool:
            assert self.supervisor.process.poll() is None, self.supervisor.output
            return any(line.startswith("ready") for line in self.supervisor.output.splitlines())

        await eventually(is_ready, within_seconds=READY_SECONDS)

    def children(self) -> list[int]:
        """Process ids of the services."""
        command = ["pgrep", "-P", str(self.supervisor.pid)]
        return [int(pid) for pid in subprocess.run(command, capture_output=True, check=True).stdout.split()]


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
