"""Settings of the ingest service."""

from __future__ import annotations

from shared.settings import ServiceSettings

DEFAULT_PORT = 8081


class IngestSettings(ServiceSettings):
    """What every service reads; ingest needs no more (it never talks to Redis)."""
