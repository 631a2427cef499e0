"""Settings blocks that several services share, and how a service reads its own.

Each service has one class that nests the blocks it needs; values come from the environment with the prefix
``PACER_`` and ``__`` between block and field: ``PACER_REDIS__URL``.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

S = TypeVar("S", bound="ServiceSettings")
EXIT_SETTINGS = 2


class Block(BaseModel):
    """A frozen group of settings that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(Block):
    """How to reach Kafka."""

    bootstrap_servers: str = Field("127.0.0.1:9092", description="host:port, several separated by commas")
    partitions: int = Field(8, ge=1, description="partitions of a topic that a service creates")


class RedisSettings(Block):
    """How to reach Redis or Valkey."""

    url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"),
        description="redis:// or rediss:// address with password; redis+cluster:// for a node of a Redis Cluster",
    )
    timeout: timedelta = Field(timedelta(seconds=3), description="limit of one connect and of one call")


class HttpSettings(Block):
    """Where a service listens."""

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 in a container")
    port: int = Field(0, ge=0, le=65535, description="TCP port; 0 takes the service's default")
    processes: int = Field(
        1, ge=1, le=64, description="processes that serve the port together; only ingest has several"
    )
    connections: int = Field(
        1000, ge=8, description="most connections of a process at once; a new one takes the place of the idlest"
    )


class LogSettings(Block):
    """What a service logs."""

    level: str = Field("info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error")
    format: str = Field("json", pattern="^(json|console)$", description="json, or console for people")


class ServiceSettings(BaseSettings):
    """What every service reads."""

    model_config = SettingsConfigDict(
        env_prefix="PACER_",
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        nested_model_default_partial_update=True,
    )

    config_dir: Path = Field(Path("config/acme"), description="directory of the tenant, or one directory a tenant")
    kafka: KafkaSettings = KafkaSettings()
    redis: RedisSettings = RedisSettings()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()


def load_settings(kind: type[S]) -> S:
    """A service's settings from the environment; wrong ones end the process with one readable message, exit 2."""
    try:
        return kind()
    except ValidationError as error:
        for problem in error.errors():
            name = "PACER_" + "__".join(str(part) for part in problem["loc"]).upper()
            sys.stderr.write(f"{name}: {problem['msg']}\n")
        raise SystemExit(EXIT_SETTINGS) from None
