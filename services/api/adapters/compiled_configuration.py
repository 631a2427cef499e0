"""The configuration in force with what is compiled of it: each tenant's readings."""

from __future__ import annotations

from prometheus_client import Gauge

from shared.configuration import Deployment, LiveConfiguration
from shared.domain.readings import Readings
from shared.domain.tenant import Tenant

VERSION_DIGITS = 12


class CompiledConfiguration:
    """What the api's use cases see of the configuration that is followed."""

    def __init__(self, live: LiveConfiguration) -> None:
        self._live = live
        self._readings: dict[str, Readings] = {}

    @property
    def deployment(self) -> Deployment:
        """Everything that is configured."""
        return self._live.deployment

    @property
    def version(self) -> str:
        """Changes with every edit that came into force."""
        return self._live.version[:VERSION_DIGITS]

    @property
    def problem(self) -> str | None:
        """Why the files on disk are not in force; None while they are."""
        return None if self._live.problem is None else str(self._live.problem)

    def readings(self, tenant: Tenant) -> Readings:
        """The tenant's readings, compiled once a configuration."""
        known = self._readings.get(tenant.id)
        if known is None or known.tenant is not tenant:
            known = self._readings[tenant.id] = Readings(tenant, keeps_histories=True)
        return known

    async def follow(self, valid: Gauge) -> None:
        """Takes up edits for as long as the service runs."""
        async for deployment in self._live.edits(valid.set):
            self._readings = {name: known for name, known in self._readings.items() if name in deployment.tenants}
