"""The command `pacer up`: options, checks before anything starts, then the system."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from cli.up.backends import choose_backends
from cli.up.data_directory import hold
from cli.up.free_ports import free_ports, is_free
from cli.up.kafka_jars import fetch_jars, jars_present
from cli.up.missing_secrets import advice, missing_variables
from cli.up.plan import (
    AGGREGATOR_PORT,
    ALERTS_PORT,
    API_PORT,
    INGEST_PORT,
    LOCAL_KAFKA,
    ServicePlan,
    UpOptions,
    plan_services,
    port_problems,
)
from cli.up.report import Report
from cli.up.run import EXIT_FAILED, Companion, run_until_signal
from cli.up.system import System
from shared.configuration import ConfigurationInvalid, Deployment, load_deployment
from shared.errors import ConfigurationError
from shared.observability.true_time import begin_with_true_timers

Port = Annotated[int, typer.Option(min=1, max=65535)]


def up(
    *,
    config: Annotated[Path, typer.Option(help="directory of the tenant, or one directory a tenant")] = Path(
        "config/acme"
    ),
    data: Annotated[Path, typer.Option(help="where state, logs and deployment.json are kept")] = Path("data"),
    kafka: Annotated[
        str | None,
        typer.Option(help="HOST:PORT, or `local`: a durable node from its jars (Java 17+, Maven); default: embedded"),
    ] = None,
    redis: Annotated[
        str | None, typer.Option(help="redis:// or redis+cluster:// URL; default: an embedded Valkey")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="aggregator workers")] = 1,
    api_port: Port = API_PORT,
    ingest_port: Port = INGEST_PORT,
    aggregator_port: Port = AGGREGATOR_PORT,
    alerts_port: Port = ALERTS_PORT,
) -> None:
    """The four services as child processes, with an embedded Kafka and Valkey unless told otherwise."""
    options = UpOptions(
        config=config,
        data=data,
        kafka=kafka,
        redis=redis,
        workers=workers,
        api_port=api_port,
        ingest_port=ingest_port,
        aggregator_port=aggregator_port,
        alerts_port=alerts_port,
    )
    raise typer.Exit(run_system(options, Report()))


def run_system(options: UpOptions, report: Report, companion: Companion | None = None) -> int:
    """Checks everything that can be checked before a process starts, then runs until a signal; the exit code."""
    begin_with_true_timers()
    try:
        deployment = _checked_configuration(options.config)
        with hold(options.data):
            plans = _checked_plan(options)
            _keep_one_old_log(options.data / "logs")
            if options.kafka == LOCAL_KAFKA:
                _fetch_kafka(report)
            system = System(
                options, plans, choose_backends(options), retention=longest_retention(deployment), report=report
            )
            return asyncio.run(run_until_signal(system, report, companion))
    except ConfigurationError as error:
        report.problem(str(error))
        return EXIT_FAILED


def longest_retention(deployment: Deployment) -> timedelta:
    """How long the topics keep what they hold: as long as the tenant that asks for most."""
    return timedelta(days=max(tenant.retention_days for tenant in deployment.tenants.values()))


def _checked_configuration(directory: Path) -> Deployment:
    try:
        return load_deployment(directory, os.environ)
    except ConfigurationInvalid as invalid:
        missing = missing_variables(directory, os.environ)
        lines = [*map(str, invalid.problems), *([advice(missing)] if missing else [])]
        raise ConfigurationError("\n".join(lines)) from invalid


def _checked_plan(options: UpOptions) -> tuple[ServicePlan, ...]:
    plans = plan_services(options, free_ports(options.workers - 1))
    problems = port_problems(plans, is_free)
    if problems:
        raise ConfigurationError("\n".join(problems))
    return plans


def _keep_one_old_log(logs: Path) -> None:
    """Each start writes new logs; those of the start before stay beside them."""
    for log in logs.glob("*.log"):
        log.rename(log.with_suffix(".log.1"))


def _fetch_kafka(report: Report) -> None:
    if not jars_present():
        report.note("fetching Kafka's jars with Maven, once (130 MB)")
    fetch_jars()
