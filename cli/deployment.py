"""Finds the deployment that a command is about: by options, by the data directory of a running `pacer up`, or by the
``PACER_*`` environment that its services run with. What none of them says is asked for, not guessed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

import typer
from msgspec import Struct

from cli.up.data_directory import RunningDeployment, read_deployment
from services.aggregator.settings import AggregatorKafkaSettings
from shared.adapters.redis_client import CLUSTER_SCHEMES
from shared.configuration import ConfigurationInvalid, Deployment, load_deployment
from shared.errors import ConfigurationError
from shared.settings import EXIT_SETTINGS, KafkaSettings, RedisSettings, ServiceSettings, load_settings

T = TypeVar("T")

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="directory of the tenant, or one directory a tenant")
]
KafkaOption = Annotated[str | None, typer.Option("--kafka", help="HOST:PORT of the deployment's Kafka")]
RedisOption = Annotated[
    str | None, typer.Option("--redis", help="redis:// URL; with a password better in PACER_REDIS__URL")
]
DataOption = Annotated[Path | None, typer.Option("--data", help="data directory of a running `pacer up`")]

CONFIG, KAFKA, REDIS = "--config", "--kafka", "--redis"
VARIABLES = {
    CONFIG: ("PACER_CONFIG_DIR",),
    KAFKA: ("PACER_KAFKA__BOOTSTRAP_SERVERS", "PACER_KAFKA"),
    REDIS: ("PACER_REDIS__URL", "PACER_REDIS"),
}
"""What names each part in the environment. A service's default is no answer here: it may be somebody else's."""
SCHEMES = frozenset({"redis", "rediss", "unix", *CLUSTER_SCHEMES})


class DeploymentUnclear(ConfigurationError):
    """What was said names no deployment, or two. The message is one line, without a password."""

    reason = "deployment_unclear"


class Asked(Struct, frozen=True):
    """The options of a command, as given."""

    config: Path | None = None
    kafka: str | None = None
    redis: str | None = None
    data: Path | None = None


class DeploymentPlace(Struct, frozen=True, kw_only=True):
    """Where a deployment is. ``log_identity`` names the log of an embedded broker, which ends with it."""

    config: Path
    kafka: KafkaSettings
    redis: RedisSettings
    log_identity: str | None = None

    @property
    def embedded(self) -> bool:
        """Whether the broker is one that keeps nothing when it ends, and not everything while it runs."""
        return self.log_identity is not None


class LogAndState(Struct, frozen=True):
    """Where the log and what is derived from it are."""

    kafka: KafkaSettings
    redis: RedisSettings


class _Environment(ServiceSettings):
    """What the services read of the environment, as far as commands want it."""

    kafka: AggregatorKafkaSettings = AggregatorKafkaSettings()


class _Told(Struct, frozen=True):
    """What is known of each part; None: nobody said."""

    config: Path | None
    kafka: str | None
    redis: str | None
    log_identity: str | None


def find_deployment(asked: Asked, environment: Mapping[str, str] = os.environ) -> DeploymentPlace:
    """All parts of the deployment. Raises: DeploymentUnclear, NothingRunning."""
    settings = load_settings(_Environment)
    told = _told(asked, settings, environment)
    if told.config is None or told.kafka is None or told.redis is None:
        parts = {CONFIG: told.config, KAFKA: told.kafka, REDIS: told.redis}
        raise _missing([part for part, value in parts.items() if value is None])
    return DeploymentPlace(
        config=told.config,
        kafka=KafkaSettings(bootstrap_servers=told.kafka, partitions=settings.kafka.partitions),
        redis=_redis(told.redis, settings),
        log_identity=told.log_identity,
    )


def find_backends(asked: Asked, environment: Mapping[str, str] = os.environ) -> LogAndState:
    """For commands that need no configuration. Raises: DeploymentUnclear, NothingRunning."""
    settings = load_settings(_Environment)
    told = _told(asked, settings, environment)
    if told.kafka is None or told.redis is None:
        parts = {KAFKA: told.kafka, REDIS: told.redis}
        raise _missing([part for part, value in parts.items() if value is None])
    return LogAndState(KafkaSettings(bootstrap_servers=told.kafka), _redis(told.redis, settings))


def find_redis(asked: Asked, environment: Mapping[str, str] = os.environ) -> RedisSettings:
    """For commands that only read what is stored. Raises: DeploymentUnclear, NothingRunning."""
    settings = load_settings(_Environment)
    told = _told(asked, settings, environment)
    if told.redis is None:
        raise _missing([REDIS])
    return _redis(told.redis, settings)


def find_configuration(asked: Asked, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The configuration directory; None where nothing names one. Raises: DeploymentUnclear, NothingRunning."""
    return _told(asked, load_settings(_Environment), environment).config


def configured(directory: Path) -> Deployment:
    """What a configuration directory says; commands do without the secrets of webhooks, which they never use.

    Raises: ConfigurationInvalid.
    """
    return load_deployment(directory, os.environ, secrets_needed=False)


def or_exit(ask: Callable[[], T]) -> T:
    """The answer; where a person must say or mend something first, that in readable lines and the exit status.

    2: it is not clear which deployment is meant. 1: its configuration is invalid.
    """
    try:
        return ask()
    except ConfigurationInvalid as invalid:
        for problem in invalid.problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(1) from None
    except ConfigurationError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_SETTINGS) from None


def _told(asked: Asked, settings: _Environment, environment: Mapping[str, str]) -> _Told:
    _refuse_misspelt(asked)
    if asked.data is not None:
        return _running(asked, read_deployment(asked.data))
    said = {part: any(name in environment for name in names) for part, names in VARIABLES.items()}
    kafka = asked.kafka or (settings.kafka.bootstrap_servers if said[KAFKA] else None)
    return _Told(
        config=asked.config or (settings.config_dir if said[CONFIG] else None),
        kafka=kafka,
        redis=asked.redis or (settings.redis.url.get_secret_value() if said[REDIS] else None),
        log_identity=settings.kafka.log_identity if kafka == settings.kafka.bootstrap_servers else None,
    )


def _running(asked: Asked, running: RunningDeployment) -> _Told:
    """What runs with the data directory; options beside it may repeat it, not contradict it."""
    told = _Told(Path(running.config), running.kafka, running.redis, running.log_identity)
    contradicted = [
        part
        for part, given, found in (
            (CONFIG, asked.config and asked.config.resolve(), told.config),
            (KAFKA, asked.kafka, told.kafka),
            (REDIS, asked.redis, told.redis),
        )
        if given and given != found
    ]
    if contradicted:
        raise DeploymentUnclear(
            f"{' and '.join(contradicted)} and the `pacer up` of {asked.data} name different deployments: "
            "give --data alone, or the others without it"
        )
    return told


def _refuse_misspelt(asked: Asked) -> None:
    if asked.kafka is not None:
        for server in asked.kafka.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdigit():
                raise DeploymentUnclear(
                    "--kafka is HOST:PORT, several separated by commas; --data DIR finds that of a running `pacer up`"
                )
    if asked.redis is not None and urlsplit(asked.redis).scheme not in SCHEMES:
        raise DeploymentUnclear("--redis is a URL such as redis://127.0.0.1:6379/0")


def _redis(url: str, settings: _Environment) -> RedisSettings:
    return RedisSettings.model_validate({"url": url, "timeout": settings.redis.timeout})


def _missing(parts: list[str]) -> DeploymentUnclear:
    variables = ", ".join(VARIABLES[part][0] for part in parts)
    return DeploymentUnclear(
        f"which deployment? Give --data DIR of a running `pacer up`, or {' and '.join(parts)}, or set {variables}"
    )
