"""The configuration in force: read at the start, and again whenever its files change and are valid."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import structlog
from prometheus_client import Gauge

from shared.configuration.deployment import Deployment
from shared.domain.readings import Readings
from shared.domain.tenant import Tenant
from shared.errors import ConfigurationError

POLL_SECONDS = 1.0
SUFFIXES = frozenset({".yaml", ".yml", ".csv", ".ics"})
log = structlog.get_logger()


class LiveConfiguration:
    """An invalid edit keeps the old configuration running, and says so."""

    def __init__(self, directory: Path, load: Callable[[], Deployment], valid: Gauge) -> None:
        """Raises: ConfigurationError; a service does not start on a configuration that it cannot read."""
        self._directory = directory
        self._load = load
        self._valid = valid
        self._digest = digest(directory)
        self._problem: str | None = None
        self._readings: dict[str, Readings] = {}
        self._take(load(), self._digest)

    @property
    def deployment(self) -> Deployment:
        """Everything that is configured."""
        return self._deployment

    @property
    def version(self) -> str:
        """Changes with every edit that came into force."""
        return self._version

    @property
    def problem(self) -> str | None:
        """Why the files on disk are not in force; None while they are."""
        return self._problem

    def readings(self, tenant: Tenant) -> Readings:
        """The tenant's readings, compiled once a configuration."""
        if tenant.id not in self._readings:
            self._readings[tenant.id] = Readings(tenant)
        return self._readings[tenant.id]

    async def watch(self) -> None:
        """Takes up edits for as long as the service runs."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self.refresh()

    async def refresh(self) -> None:
        """Takes up an edit if there was one and it is valid."""
        found = await asyncio.to_thread(digest, self._directory)
        if found == self._digest:
            return
        self._digest = found
        try:
            self._take(await asyncio.to_thread(self._load), found)
        except (ConfigurationError, OSError) as error:
            self._problem = str(error)[:2000]
            self._valid.set(0)
            log.warning("configuration_rejected", error=self._problem)
        else:
            log.info("configuration_taken_up", version=self._version)

    def _take(self, deployment: Deployment, version: str) -> None:
        self._deployment = deployment
        self._version = version
        self._problem = None
        self._readings = {}
        self._valid.set(1)


def digest(directory: Path) -> str:
    """A short name for what the files hold."""
    hashed = blake2b(digest_size=8)
    for path in sorted(directory.rglob("*")):
        if path.suffix in SUFFIXES and path.is_file():
            hashed.update(f"{path.relative_to(directory)}\0".encode())
            hashed.update(path.read_bytes())
    return hashed.hexdigest()
