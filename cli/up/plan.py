"""What `pacer up` is asked for, and what follows from it: which services, on which ports, with which environment."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

API_PORT, INGEST_PORT, AGGREGATOR_PORT, ALERTS_PORT = 8080, 8081, 8082, 8083
LOCAL_KAFKA = "local"


class ServiceName(StrEnum):
    """The four services; the value is the package's name."""

    INGEST = "ingest"
    AGGREGATOR = "aggregator"
    ALERTS = "alerts"
    API = "api"


class UpOptions(Struct, frozen=True, kw_only=True):
    """The command's options. ``kafka`` and ``redis`` None: embedded ones; ``kafka`` "local": a node from its jars."""

    config: Path
    data: Path
    kafka: str | None = None
    redis: str | None = None
    api_port: int = API_PORT
    ingest_port: int = INGEST_PORT
    aggregator_port: int = AGGREGATOR_PORT
    alerts_port: int = ALERTS_PORT
    workers: int = 1


class ServicePlan(Struct, frozen=True):
    """One process: a service, or one of several aggregator workers."""

    label: str
    service: ServiceName
    port: int
    option: str | None = None
    """The option that chose the port; None where a free one was taken."""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"


class Backends(Struct, frozen=True):
    """Where Kafka and Redis answer. ``log_identity`` names a log that ends with its broker; None: ask the broker."""

    kafka: str
    redis: str
    log_identity: str | None = None


def plan_services(options: UpOptions, spare_ports: Sequence[int]) -> tuple[ServicePlan, ...]:
    """The processes in the order of the table; ``spare_ports`` serve the aggregator workers after the first."""
    workers = [
        ServicePlan(f"aggregator-{number}", ServiceName.AGGREGATOR, port)
        for number, port in zip(range(2, options.workers + 1), spare_ports, strict=True)
    ]
    return (
        ServicePlan("ingest", ServiceName.INGEST, options.ingest_port, "--ingest-port"),
        ServicePlan("aggregator", ServiceName.AGGREGATOR, options.aggregator_port, "--aggregator-port"),
        *workers,
        ServicePlan("alerts", ServiceName.ALERTS, options.alerts_port, "--alerts-port"),
        ServicePlan("api", ServiceName.API, options.api_port, "--api-port"),
    )


def port_problems(plans: Sequence[ServicePlan], is_free: Callable[[int], bool]) -> list[str]:
    """One sentence a port that cannot be had, with the option that changes it."""
    wanted = Counter(plan.port for plan in plans)
    problems = []
    for plan in plans:
        remedy = f"choose another with {plan.option}" if plan.option else "try again"
        if wanted[plan.port] > 1:
            problems.append(f"port {plan.port} is asked for more than once (here for {plan.label}): {remedy}")
        elif not is_free(plan.port):
            problems.append(f"port {plan.port} for {plan.label} is in use by another process: {remedy}")
    return problems


def service_command(plan: ServicePlan) -> list[str]:
    """The command line; ``services.NAME`` shows in it."""
    return [sys.executable, "-m", f"services.{plan.service}"]


def scratch_directory(options: UpOptions) -> Path:
    """Where the services' libraries leave their files: in the data directory, so that nothing lies about elsewhere."""
    return options.data.resolve() / "scratch"


def spool_directory(options: UpOptions) -> Path:
    """Where ingest keeps what Kafka cannot take: it outlives the system that wrote it."""
    return options.data.resolve() / "spool"


def service_environment(
    plan: ServicePlan, base: Mapping[str, str], *, backends: Backends, options: UpOptions
) -> dict[str, str]:
    """The caller's environment with what the supervisor decides on top; only the aggregator fences on the log."""
    decided = {
        "PACER_CONFIG_DIR": str(options.config),
        "PACER_KAFKA__BOOTSTRAP_SERVERS": backends.kafka,
        "PACER_REDIS__URL": backends.redis,
        "PACER_HTTP__PORT": str(plan.port),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(scratch_directory(options)),
    }
    if backends.log_identity is not None and plan.service is ServiceName.AGGREGATOR:
        decided["PACER_KAFKA__LOG_IDENTITY"] = backends.log_identity
    inherited = {name: value for name, value in base.items() if name != "PACER_KAFKA__LOG_IDENTITY"}
    suggested = {"PACER_BOARD_URL": f"http://127.0.0.1:{options.api_port}"}
    if plan.service is ServiceName.INGEST:
        suggested["PACER_SPOOL__DIR"] = str(spool_directory(options))
    return {**suggested, **inherited, **decided}
