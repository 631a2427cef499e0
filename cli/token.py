"""``pacer token``: API keys. A token is shown once; what is kept of it is its SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated

import typer

from shared.domain.access import Role

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
    tenant: Annotated[str, typer.Option(help="The tenant whose access.yaml will hold the key.")],
    role: Annotated[Role, typer.Option(help="What the key may see.")],
    rep: Annotated[str | None, typer.Option(help="The rep that the key belongs to (role rep).")] = None,
    team: Annotated[str | None, typer.Option(help="The team whose subtree it may see (role manager).")] = None,
    key_id: Annotated[str | None, typer.Option("--id", help="The key's name in access.yaml.")] = None,
) -> None:
    """Make a key; print the token once, and the line for access.yaml."""
    _refuse_half_told(role, rep, team)
    secret = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    name = key_id or "-".join(part for part in (role.value, rep or team) if part)
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


def _refuse_half_told(role: Role, rep: str | None, team: str | None) -> None:
    if role is Role.REP and rep is None:
        raise typer.BadParameter("a key of the role rep needs --rep")
    if role is Role.MANAGER and rep is None and team is None:
        raise typer.BadParameter("a key of the role manager needs --team, or --rep for a manager of teams")
