"""The command ``pacer sources``."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import httpx
import typer
from msgspec import Struct

from cli.deployment import CONFIG, Asked, ConfigOption, DataOption, DeploymentUnclear, find_configuration, or_exit
from cli.sources.guide_report import Shown, source_lines
from cli.sources.probing import Outcome, Verdict, probe
from cli.sources.reachable import NO_STATE, find_ingest, states_of
from services.ingest.providers.registry import PROVIDERS
from shared.adapters.system_clock import SystemClock
from shared.configuration import load_deployment
from shared.domain.sources import Source

TIMEOUT_SECONDS = 10.0
IngestOption = Annotated[
    str | None, typer.Option("--ingest", envvar="PACER_INGEST_URL", help="http://HOST:PORT of the running ingest")
]


class _Flags(Struct, frozen=True):
    """What is to be done beside showing."""

    test: bool
    public: bool
    secrets: bool


class _Wanted(Struct, frozen=True):
    """What is to be shown, and how."""

    sources: tuple[Source, ...]
    ingest: str | None
    flags: _Flags


def sources(  # noqa: PLR0917 - typer makes an option of each
    only: Annotated[str | None, typer.Argument(metavar="[SOURCE]", help="Only this source.")] = None,
    test: Annotated[bool, typer.Option("--test", help="Send each a signed request that changes no number.")] = False,  # noqa: FBT002 - a flag
    public: Annotated[bool, typer.Option("--public", help="Test through public_url, proxies included.")] = False,  # noqa: FBT002 - a flag
    show_secrets: Annotated[bool, typer.Option("--show-secrets", help="Print secrets where they are pasted.")] = False,  # noqa: FBT002 - a flag
    config: ConfigOption = None,
    data: DataOption = None,
    ingest: IngestOption = None,
) -> None:
    """What each source's sender posts to, what to paste there, and which events to subscribe to.

    With --test exit status 1 when a request is not answered as its sender expects. Secrets come from the environment.
    """
    flags = _Flags(test, public, show_secrets)
    wanted = or_exit(lambda: _wanted(Asked(config=config, data=data), only, ingest, flags))
    raise typer.Exit(asyncio.run(_show(wanted)))


def _wanted(asked: Asked, only: str | None, ingest: str | None, flags: _Flags) -> _Wanted:
    """Raises: ConfigurationInvalid, ConfigurationError."""
    directory: Path | None = find_configuration(asked)
    if directory is None:
        raise DeploymentUnclear(f"which configuration? Give {CONFIG} DIR, or --data DIR of a running `pacer up`")
    place = find_ingest(asked.data, ingest)
    if flags.test and not flags.public and place is None:
        raise DeploymentUnclear("which ingest? Give --ingest URL, or --data DIR of a running `pacer up`, or --public")
    deployment = load_deployment(directory, os.environ, secrets_needed=flags.test or flags.secrets)
    found = tuple(source for source in deployment.sources.values() if only in {None, source.id})
    if not found:
        raise DeploymentUnclear(f"there is no source `{only}` in {directory}" if only else f"{directory} has no source")
    return _Wanted(found, place, flags)


async def _show(wanted: _Wanted) -> int:
    """Prints all; the exit status."""
    failed = False
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as http:
        states = await states_of(http, wanted.ingest) if wanted.ingest else {}
        for source in wanted.sources:
            provider = PROVIDERS[source.provider]
            verdicts: list[Verdict] = []
            if wanted.flags.test:
                base = None if wanted.flags.public else wanted.ingest
                verdicts = await probe(http, source, provider, base=base, clock=SystemClock())
            failed = failed or any(verdict.outcome is Outcome.WRONG for verdict in verdicts)
            shown = Shown(
                source=source,
                guide=provider.setup.guide(source),
                state=states.get(source.id, NO_STATE if wanted.ingest is None else "nothing received yet"),
                secrets=wanted.flags.secrets,
                verdicts=tuple(verdict.text for verdict in verdicts),
            )
            for line in source_lines(shown):
                typer.echo(line)
            typer.echo()
    return 1 if failed else 0
