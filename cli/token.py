"""``pacer token``: API keys. A token is shown once; what is kept of it is its SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated

import typer

from cli.deployment import (
    Asked,
    ConfigOption,
    DataOption,
    KafkaOption,
    RedisOption,
    configured,
    find_configuration,
    or_exit,
)
from shared.configuration import Deployment
from shared.domain.access import Role
from shared.domain.people import Organisation
from shared.domain.tenant import Tenant

PREFIX = "pacer_"
TOKEN_BYTES = 32
"""256 random bits: nobody guesses it, so that a plain SHA-256 is enough to keep."""

token = typer.Typer(help="API keys: printed once, only their SHA-256 is kept.", no_args_is_help=True)


@token.callback()
def group() -> None:
    """API keys: printed once, only their SHA-256 is kept."""


@token.command()
def create(
    *,
    role: Annotated[Role, typer.Option(help="What the key may see.")],
    tenant: Annotated[
        str | None, typer.Option(help="The tenant whose access.yaml will hold the key; not asked where there is one.")
    ] = None,
    rep: Annotated[str | None, typer.Option(help="The rep that the key belongs to (role rep).")] = None,
    team: Annotated[str | None, typer.Option(help="The team whose subtree it may see (role manager).")] = None,
    key_id: Annotated[str | None, typer.Option("--id", help="The key's name in access.yaml.")] = None,
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    data: DataOption = None,
) -> None:
    """Make a key; print the token once, and the line for access.yaml.

    Where the deployment is known, the names are checked against its configuration.
    """
    _refuse_half_told(role, rep, team)
    name = key_id or "-".join(part for part in (role.value, rep or team) if part)
    directory = or_exit(lambda: find_configuration(Asked(config, kafka, redis, data)))
    if directory is not None:
        deployment = or_exit(lambda: configured(directory))
        tenant = _known_tenant(deployment, tenant).id
        _refuse_unknown(deployment, tenant, name, rep=rep, team=team)
    elif tenant is None:
        raise typer.BadParameter("which tenant? Give --tenant, or --config DIR where there is only one")
    secret = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    typer.echo(f"token (shown only now): {secret}")
    typer.echo(f"add to the keys in access.yaml of tenant {tenant}:")
    typer.echo(f"  - {access_line(name, secret, role, rep=rep, team=team)}")


def access_line(name: str, secret: str, role: Role, *, rep: str | None, team: str | None) -> str:
    """The key as a YAML flow mapping, with the token's digest instead of the token."""
    parts = {
        "id": name,
        "sha256": hashlib.sha256(secret.encode()).hexdigest(),
        "role": role.value,
        "rep": rep,
        "team": team,
    }
    return "{" + ", ".join(f'{key}: "{value}"' for key, value in parts.items() if value is not None) + "}"


def _known_tenant(deployment: Deployment, asked: str | None) -> Tenant:
    tenants = deployment.tenants
    if asked is None and len(tenants) == 1:
        return next(iter(tenants.values()))
    if asked is None or asked not in tenants:
        raise typer.BadParameter(f"the deployment has these tenants: {', '.join(sorted(tenants))}. Give --tenant")
    return tenants[asked]


def _refuse_unknown(deployment: Deployment, tenant: str, key: str, *, rep: str | None, team: str | None) -> None:
    """A key that names nobody would be an invalid access.yaml: said now, before the token is copied anywhere."""
    organisation = deployment.tenants[tenant].organisation
    if rep is not None and rep not in organisation.reps and not _manages(organisation, rep):
        raise typer.BadParameter(f"the tenant {tenant} has no rep {rep}")
    if team is not None and team not in organisation.teams:
        raise typer.BadParameter(f"the tenant {tenant} has no team {team}")
    if any((each.tenant, each.id) == (tenant, key) for each in deployment.keys or ()):
        raise typer.BadParameter(f"the tenant {tenant} has a key {key} already: choose another name with --id")


def _manages(organisation: Organisation, person: str) -> bool:
    return any(team.manager == person for team in organisation.teams.values())


def _refuse_half_told(role: Role, rep: str | None, team: str | None) -> None:
    if role is Role.REP and rep is None:
        raise typer.BadParameter("a key of the role rep needs --rep")
    if role is Role.MANAGER and rep is None and team is None:
        raise typer.BadParameter("a key of the role manager needs --team, or --rep for a manager of teams")
