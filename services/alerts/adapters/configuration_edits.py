"""Takes up edits of the configuration while the service runs; an invalid one keeps the old one running."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import structlog

from services.alerts.metrics import AlertsMetrics
from shared.configuration import ConfigurationInvalid, Deployment, configuration_version, load_deployment, watch

POLL = timedelta(seconds=2)
log = structlog.get_logger()


class ConfigurationEdits:
    """Calls ``taken`` with the configuration at the start and with each valid edit."""

    def __init__(
        self,
        directory: Path,
        environment: Mapping[str, str],
        *,
        taken: Callable[[Deployment], None],
        metrics: AlertsMetrics,
    ) -> None:
        self._directory = directory
        self._environment = environment
        self._taken = taken
        self._metrics = metrics
        self._version: str | None = None

    def begin(self) -> None:
        """Takes the configuration that the service starts with. Raises: ConfigurationInvalid."""
        self._version = configuration_version(self._directory)
        self._taken(load_deployment(self._directory, self._environment))

    async def run(self) -> None:
        """Until it is cancelled."""
        async for found in watch(self._directory, self._environment, POLL, since=self._version):
            valid = not isinstance(found, ConfigurationInvalid)
            self._metrics.configuration(valid=valid)
            if isinstance(found, ConfigurationInvalid):
                log.warning("configuration_rejected", error=str(found)[:2000])
            else:
                self._taken(found)
                log.info("configuration_taken_up")
