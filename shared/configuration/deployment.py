"""Everything that a configuration directory says, compiled: what the services are wired with."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from shared.domain.access import AccessKey
from shared.domain.alerting import Alerting
from shared.domain.sources import Source
from shared.domain.tenant import Tenant


class Deployment(Struct, frozen=True):
    """All tenants. ``keys`` None: no access.yaml anywhere, so that the API answers on loopback only."""

    tenants: Mapping[str, Tenant]
    sources: Mapping[str, Source]
    alerting: Mapping[str, Alerting]
    keys: tuple[AccessKey, ...] | None = None
