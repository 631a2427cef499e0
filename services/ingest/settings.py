"""Settings of the ingest service."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import Block, ServiceSettings

DEFAULT_PORT = 8081
BODIES_IN_FLIGHT = 67_108_864


class HeartbeatSettings(Block):
    """The event of our own that travels the pipeline."""

    every: timedelta = Field(
        timedelta(seconds=5), ge=timedelta(0), description="pause between heartbeats sent into the log; 0s sends none"
    )


class BodiesSettings(Block):
    """The bodies of webhooks."""

    in_flight: int = Field(
        BODIES_IN_FLIGHT, ge=1, description="most bytes of bodies that a process reads and works off at once"
    )


class IngestSettings(ServiceSettings):
    """What ingest reads from the environment (it never talks to Redis)."""

    model_config = SettingsConfigDict(**ServiceSettings.model_config)

    heartbeat: HeartbeatSettings = HeartbeatSettings()
    bodies: BodiesSettings = BodiesSettings()
