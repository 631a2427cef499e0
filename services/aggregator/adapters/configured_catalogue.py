"""The configuration in force, with a generation that rises with every change, over restarts and workers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog
from redis.asyncio import Redis

from services.aggregator.adapters.redis_scripts import Script
from services.aggregator.metrics import AggregatorMetrics
from shared.configuration import Deployment, LiveConfiguration
from shared.contracts import keys
from shared.domain.clock import Clock
from shared.domain.instants import Micros
from shared.domain.tenant import Tenant
from shared.errors import TransientError

log = structlog.get_logger()


class ConfiguredCatalogue:
    """Catalogue over the last accepted deployment."""

    def __init__(self, redis: Redis, metrics: AggregatorMetrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._raise = Script(redis, "raise_on_change")
        self._deployment = Deployment({}, {}, {})
        self._generation = 0
        self._accepted_at = 0
        self._version = ""

    @property
    def generation(self) -> int:
        """Rises with every accepted change."""
        return self._generation

    @property
    def accepted_at(self) -> Micros:
        """When this process put the generation in force."""
        return self._accepted_at

    @property
    def tenants(self) -> Mapping[str, Tenant]:
        """The tenants as configured now."""
        return self._deployment.tenants

    async def accept(self, deployment: Deployment, version: str) -> None:
        """Puts a deployment in force; workers on the same version share its generation. Raises: RedisAway."""
        asked = [keys.CONFIGURATION_FIELD, version, keys.GENERATION_FIELD, self._generation]
        generation = int(await self._raise([keys.LAYOUT], asked))
        self._deployment, self._generation, self._version = deployment, generation, version
        self._accepted_at = self._clock.now()
        log.info("configuration_accepted", generation=generation, tenants=sorted(deployment.tenants))

    async def accept_again(self) -> None:
        """Writes down what is in force, since Redis may have forgotten it: no generation is ever used for two.

        Raises: RedisAway.
        """
        asked = [keys.CONFIGURATION_FIELD, self._version, keys.GENERATION_FIELD, self._generation]
        self._generation = int(await self._raise([keys.LAYOUT], asked))

    async def follow(self, configuration: LiveConfiguration) -> None:
        """Accepts every valid edit, for ever; an invalid one leaves the old configuration running."""
        async for deployment in configuration.edits(self._metrics.config_valid.set):
            await self._accept_patiently(deployment, configuration.version)

    async def _accept_patiently(self, deployment: Deployment, version: str) -> None:
        while True:
            try:
                return await self.accept(deployment, version)
            except TransientError:
                await asyncio.sleep(1)
