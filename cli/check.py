"""``pacer check``: every problem of a configuration with file, line and what to do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from shared.configuration import ConfigurationInvalid, Deployment, load_deployment


def check(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="One tenant's directory, or one that holds a directory a tenant.")
    ] = Path("config/acme"),
) -> None:
    """Validate a configuration. Exit status 1 with one line a problem, 0 with one line that sums it up."""
    try:
        deployment = load_deployment(directory, os.environ)
    except ConfigurationInvalid as invalid:
        for problem in invalid.problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(1) from None
    typer.echo(summary(deployment))


def summary(deployment: Deployment) -> str:
    """What a valid configuration holds, in one line."""
    tenants = deployment.tenants.values()
    counts = {
        "tenant": len(tenants),
        "rep": sum(len(tenant.organisation.reps) for tenant in tenants),
        "KPI": sum(len({kpi.id for kpi in tenant.kpis.values()}) for tenant in tenants),
        "target": sum(len(tenant.targets) for tenant in tenants),
        "rule": sum(len(alerting.rules) for alerting in deployment.alerting.values()),
    }
    return "OK: " + ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts.items())
