"""Settings of the ingest service."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr
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


class SpoolSettings(Block):
    """Where deliveries wait while Kafka is away, for sources with ``spool`` (ADR 0028)."""

    dir: Path = Field(
        Path("data/spool"), description="on a durable volume; processes share it; made when the first delivery needs it"
    )
    max_bytes: int = Field(
        268_435_456, ge=1_000_000, description="most bytes that one process keeps there; beyond it senders get a 503"
    )
    key: SecretStr = Field(
        SecretStr(""),
        description="encrypts it: base64 of 32 bytes; several, separated by commas: the first writes, all read",
    )
    key_file: Path | None = Field(None, description="file with such keys, instead of PACER_SPOOL__KEY")


class IngestSettings(ServiceSettings):
    """What ingest reads from the environment (it never talks to Redis)."""

    model_config = SettingsConfigDict(**ServiceSettings.model_config)

    heartbeat: HeartbeatSettings = HeartbeatSettings()
    bodies: BodiesSettings = BodiesSettings()
    spool: SpoolSettings = SpoolSettings()
