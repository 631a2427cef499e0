"""``pacer diff``: whose numbers, targets and alerts an edit of the configuration moves, before it is made."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from redis.exceptions import RedisError
from rich.console import Console

from cli.deployment import (
    Asked,
    ConfigOption,
    DataOption,
    KafkaOption,
    RedisOption,
    configured,
    find_configuration,
    find_redis,
    or_exit,
)
from cli.diff.report import as_json, as_lines
from cli.diff.tenant_diff import Configured, TenantDiff, diff_tenant
from shared.adapters.redis_client import open_redis
from shared.adapters.system_clock import SystemClock
from shared.configuration import Deployment, unanswerable
from shared.domain.alerting import Alerting
from shared.domain.instants import Micros
from shared.errors import PacerError
from shared.settings import RedisSettings

EXIT_MOVES, EXIT_FAILED, EXIT_USAGE, EXIT_REFUSED = 1, 1, 2, 3


def diff(  # noqa: PLR0917 - typer makes an option of each
    old: Annotated[
        Path, typer.Argument(metavar="[OLD]", help="The configuration as it is; left out: that of the deployment.")
    ],
    new: Annotated[Path | None, typer.Argument(metavar="NEW", help="The configuration as it would be.")] = None,
    as_json_: Annotated[bool, typer.Option("--json", help="Everything, for programs.")] = False,  # noqa: FBT002 - a flag
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 if anything moves.")] = False,  # noqa: FBT002
    limit: Annotated[int, typer.Option(min=1, help="Most readings in the table.")] = 200,
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    data: DataOption = None,
) -> None:
    """What an edit of the configuration would move, from the facts that are stored. Nothing is changed.

    Exit status: 0 compared (with --exit-code 1 if anything moves), 1 a configuration is invalid or the deployment
    does not answer, 2 unclear which deployment, 3 stored events cannot answer the edit; what can is told.
    """
    asked = Asked(config, kafka, redis, data)
    before, after = (old, new) if new is not None else (_running(asked), old)
    settings = or_exit(lambda: find_redis(asked))
    deployments = or_exit(lambda: configured(before)), or_exit(lambda: configured(after))
    now = SystemClock().now()
    if refused := unanswerable(*deployments):
        if as_json_:
            typer.echo(as_json((), refused, now))
        for part in refused:
            typer.echo(f"refused: {part.reason}: {part.text}", err=True)
        raise typer.Exit(EXIT_REFUSED)
    found = _compared(settings, *deployments, now)
    if as_json_:
        typer.echo(as_json(found, (), now))
    else:
        for each in found:
            for line in as_lines(each, limit):
                typer.echo(line)
    raise typer.Exit(EXIT_MOVES if exit_code and not all(each.is_empty for each in found) else 0)


def _running(asked: Asked) -> Path:
    found = or_exit(lambda: find_configuration(asked))
    if found is None:
        typer.echo("compared with what? Give OLD and NEW, or NEW and the deployment with --data or --config", err=True)
        raise typer.Exit(EXIT_USAGE)
    return found


def _compared(settings: RedisSettings, old: Deployment, new: Deployment, now: Micros) -> list[TenantDiff]:
    """Each tenant of both; a new one has no facts to move."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)

    async def compare() -> list[TenantDiff]:
        async with open_redis(settings) as client:
            return [
                await diff_tenant(client, _of(old, name), _of(new, name), now, console)
                for name in new.tenants
                if name in old.tenants
            ]

    try:
        return asyncio.run(compare())
    except (PacerError, RedisError, OSError) as error:
        told = str(error) if isinstance(error, PacerError) else f"Redis does not answer: {type(error).__name__}"
        typer.echo(told, err=True)
        raise typer.Exit(EXIT_FAILED) from None


def _of(deployment: Deployment, tenant: str) -> Configured:
    return Configured(deployment.tenants[tenant], deployment.alerting.get(tenant, Alerting()))
