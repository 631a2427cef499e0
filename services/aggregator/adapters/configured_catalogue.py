"""The configuration in force, with a generation that rises with every change, over restarts and workers."""

from __future__ import annotations

import hashlib
from pathlib import Path

from redis.asyncio import Redis

from services.aggregator.adapters.redis_scripts import Script
from shared.configuration.deployment import Deployment
from shared.contracts import keys
from shared.domain.tenant import Tenant

DIGEST, GENERATION = "configuration", "generation"
READ = frozenset({".yaml", ".yml", ".csv", ".ics"})


class ConfiguredCatalogue:
    """Catalogue over the last accepted deployment."""

    def __init__(self, redis: Redis) -> None:
        self._raise = Script(redis, "raise_on_change")
        self._deployment = Deployment({}, {}, {})
        self._generation = 0

    @property
    def generation(self) -> int:
        """Rises with every accepted change."""
        return self._generation

    def tenant(self, tenant_id: str) -> Tenant | None:
        """The tenant as configured now."""
        return self._deployment.tenants.get(tenant_id)

    async def accept(self, deployment: Deployment, digest: str) -> None:
        """Puts a deployment in force; workers with the same digest share its generation. Raises: RedisAway."""
        generation = int(await self._raise([keys.LAYOUT], [DIGEST, digest, GENERATION]))
        self._deployment, self._generation = deployment, generation


def configuration_digest(directory: Path) -> str:
    """What tells one configuration from another: the content of its files."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        if path.suffix in READ and path.is_file():
            digest.update(str(path.relative_to(directory)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
