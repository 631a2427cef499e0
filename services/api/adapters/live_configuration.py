"""The configuration in force: read at the start, and again whenever its files change and are valid."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import structlog
from prometheus_client import Gauge

from shared.configuration import ConfigurationInvalid, Deployment, configuration_version, load_deployment, watch
from shared.domain.readings import Readings
from shared.domain.tenant import Tenant

LOOKED_AT_EVERY = timedelta(seconds=1)
VERSION_DIGITS = 12
log = structlog.get_logger()


class LiveConfiguration:
    """An invalid edit keeps the old configuration running, and says so."""

    def __init__(self, directory: Path, environment: Mapping[str, str], valid: Gauge) -> None:
        """Raises: ConfigurationInvalid; a service does not start on a configuration that it cannot read."""
        self._directory = directory
        self._environment = environment
        self._valid = valid
        self._read = configuration_version(directory) if directory.is_dir() else ""
        self._readings: dict[str, Readings] = {}
        self._problem: str | None = None
        self._take(load_deployment(directory, environment), self._read)

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
            self._readings[tenant.id] = Readings(tenant, keeps_histories=True)
        return self._readings[tenant.id]

    async def watch(self) -> None:
        """Takes up edits for as long as the service runs."""
        async for outcome in watch(self._directory, self._environment, LOOKED_AT_EVERY, since=self._read):
            if isinstance(outcome, ConfigurationInvalid):
                self._problem = str(outcome)
                self._valid.set(0)
                log.warning("configuration_rejected", error=self._problem)
            else:
                self._take(outcome, configuration_version(self._directory))
                log.info("configuration_taken_up", version=self._version)

    def _take(self, deployment: Deployment, version: str) -> None:
        self._deployment = deployment
        self._version = version[:VERSION_DIGITS]
        self._problem = None
        self._readings = {}
        self._valid.set(1)
