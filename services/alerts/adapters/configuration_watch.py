"""Takes up edits of the configuration while the service runs; an invalid one keeps the old one running."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import structlog

from services.alerts.metrics import AlertsMetrics
from shared.configuration.deployment import Deployment
from shared.errors import ConfigurationError

POLL_SECONDS = 2.0
SUFFIXES = frozenset({".yaml", ".yml", ".csv", ".ics"})
log = structlog.get_logger()


class ConfigurationWatch:
    """Calls ``taken`` with each valid configuration that differs from the one before."""

    def __init__(
        self,
        directory: Path,
        load: Callable[[], Deployment],
        taken: Callable[[Deployment], None],
        metrics: AlertsMetrics,
    ) -> None:
        self._directory = directory
        self._load = load
        self._taken = taken
        self._metrics = metrics
        self._digest = ""

    def begin(self) -> None:
        """Takes the configuration that the service starts with. Raises: ConfigurationError."""
        self._digest = _digest(self._directory)
        self._taken(self._load())

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self.refresh()

    async def refresh(self) -> None:
        """Takes up an edit if there was one and it is valid."""
        found = await asyncio.to_thread(_digest, self._directory)
        if found == self._digest:
            return
        self._digest = found
        try:
            deployment = await asyncio.to_thread(self._load)
        except (ConfigurationError, OSError) as error:
            self._metrics.configuration(valid=False)
            log.warning("configuration_rejected", error=str(error)[:2000])
            return
        self._metrics.configuration(valid=True)
        self._taken(deployment)
        log.info("configuration_taken_up")


def _digest(directory: Path) -> str:
    """A short name for what the files hold."""
    hashed = blake2b(digest_size=8)
    for path in sorted(directory.rglob("*")):
        if path.suffix in SUFFIXES and path.is_file():
            hashed.update(f"{path.relative_to(directory)}\0".encode())
            hashed.update(path.read_bytes())
    return hashed.hexdigest()
