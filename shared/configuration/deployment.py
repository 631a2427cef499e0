"""Everything that a configuration directory says, compiled: what the services are wired with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct

from shared.domain.access import AccessKey
from shared.domain.alerting import Alerting
from shared.domain.sources import Source
from shared.domain.tenant import Tenant

DEFAULT_RETENTION_DAYS = 400


class Deployment(Struct, frozen=True):
    """All tenants. ``keys`` None: no access.yaml anywhere, so that the API answers on loopback only."""

    tenants: Mapping[str, Tenant]
    sources: Mapping[str, Source]
    alerting: Mapping[str, Alerting]
    keys: tuple[AccessKey, ...] | None = None

    @property
    def retention(self) -> timedelta:
        """How long the log keeps events: as long as the tenant that asks for most."""
        days = (tenant.retention_days for tenant in self.tenants.values())
        return timedelta(days=max(days, default=DEFAULT_RETENTION_DAYS))
