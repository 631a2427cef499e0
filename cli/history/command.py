"""``pacer import``: history of a source, checked as a whole and imported without an alert for the past."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from redis.exceptions import RedisError
from rich.console import Console

from cli.deployment import (
    Asked,
    ConfigOption,
    DataOption,
    DeploymentPlace,
    KafkaOption,
    RedisOption,
    configured,
    find_deployment,
    or_exit,
)
from cli.history.checking import Check, Findings
from cli.history.findings_report import bad_lines, summary, warnings
from cli.history.importing import Importing, Interrupted
from cli.history.lines import FileUnusable, Form, Line
from cli.history.source_file import SourceFile, opened
from cli.history.translation import BadLine, Translation
from cli.progress import phase
from shared.adapters.system_clock import SystemClock
from shared.configuration import Deployment
from shared.domain.changes import IMPORTED, RecordChange
from shared.domain.sources import Source
from shared.errors import PacerError

EXIT_BAD, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
LOOK_EVERY_LINES = 1_000
AGAIN = "Run the same command again: what is stored already changes nothing."


def import_history(  # noqa: PLR0917 - typer makes an option of each
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV or JSON lines of native events; - is standard input.")
    ],
    source: Annotated[str, typer.Option(help="The configured source that the history is of.")],
    skip_bad: Annotated[
        Path | None, typer.Option(help="Import the good lines, and write the bad ones to this file.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count only.")] = False,  # noqa: FBT002 - a flag
    form: Annotated[Form | None, typer.Option("--format", help="Told by the first character if left out.")] = None,
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    data: DataOption = None,
) -> None:
    r"""History of a source: every line is checked first; the same file twice changes nothing; the past is not alerted.

    CSV has the columns id, type, rep, occurred_at, record, url and fields.NAME; an empty cell says nothing, and
    \null clears a field.
    """
    place = or_exit(lambda: find_deployment(Asked(config, kafka, redis, data)))
    deployment = or_exit(lambda: configured(place.config))
    if source not in deployment.sources:
        typer.echo(
            f"there is no source {source}: the configuration has {', '.join(sorted(deployment.sources))}", err=True
        )
        raise typer.Exit(EXIT_USAGE)
    run = Import(place, deployment, deployment.sources[source], Console(stderr=True, highlight=False, soft_wrap=True))
    try:
        with opened(file, form) as found:
            code = run.all_of(found, skip_bad, dry_run=dry_run)
    except FileUnusable as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_BAD) from None
    raise typer.Exit(code)


class Import:
    """One run of the command."""

    def __init__(self, place: DeploymentPlace, deployment: Deployment, source: Source, console: Console) -> None:
        self._place = place
        self._deployment = deployment
        self._source = source
        self._console = console
        self._name = f"{IMPORTED}{secrets.token_hex(8)}"
        self._now = SystemClock().now()
        self._translation = Translation(source, self._name, self._now)

    def all_of(self, file: SourceFile, skip_bad: Path | None, *, dry_run: bool) -> int:
        """Checks, then imports; the exit status. Raises: FileUnusable."""
        if skip_bad is not None and file.is_at(skip_bad):
            raise FileUnusable("--skip-bad names the file that is imported: bad lines go to another one")
        findings = self._check(file, skip_bad)
        tenant = self._deployment.tenants[self._source.tenant]
        for text in (*bad_lines(findings, file.name), *warnings(findings, self._source, tenant)):
            self._console.print(text, markup=False)
        if findings.bad and skip_bad is None:
            self._console.print("nothing was imported. Correct these lines, or import the others with --skip-bad FILE")
            return EXIT_BAD
        typer.echo(summary(findings, skip_bad))
        if dry_run or not findings.events:
            typer.echo("nothing was imported" + (" (--dry-run)" if dry_run else ""))
            return 0
        return self._import(file, findings.events)

    def _check(self, file: SourceFile, skip_bad: Path | None) -> Findings:
        check = Check(self._translation, self._deployment.tenants[self._source.tenant], now=self._now)
        with ExitStack() as held:
            shown = held.enter_context(phase(self._console, "checking", file.size, "lines"))
            kept = _BadFile(skip_bad, file.head, held)

            def watched() -> Iterator[Line]:
                for count, line in enumerate(file.lines()):
                    if count % LOOK_EVERY_LINES == 0:
                        shown.at(file.position, count)
                    yield line

            return check.run(watched(), kept.keep)

    def _changes(self, file: SourceFile) -> Iterator[RecordChange]:
        for line in file.lines():
            found = self._translation.change(line)
            if not isinstance(found, BadLine):
                yield found

    def _import(self, file: SourceFile, events: int) -> int:
        began = time.monotonic()
        importing = Importing(self._place, self._deployment, self._console)
        work = importing.run(self._changes(file), events=events, tenant=self._source.tenant, name=self._name)
        try:
            asyncio.run(work)
        except Interrupted:
            self._console.print(f"interrupted: {importing.stored:,} of {events:,} events are stored. {AGAIN}")
            return EXIT_INTERRUPTED
        except (PacerError, RedisError, OSError) as error:
            told = str(error) if isinstance(error, PacerError) else f"Redis does not answer: {type(error).__name__}"
            self._console.print(f"{importing.stored:,} of {events:,} events are stored. {told}. {AGAIN}", markup=False)
            return EXIT_BAD
        took = time.monotonic() - began
        typer.echo(f"imported {events:,} events in {took:.1f} s ({events / took:,.0f}/s); all are counted")
        return 0


class _BadFile:
    """Where bad lines are written, as they are; nowhere without a path."""

    def __init__(self, path: Path | None, head: bytes, held: ExitStack) -> None:
        self._file: BinaryIO | None = None if path is None else held.enter_context(path.open("wb"))
        if self._file is not None:
            self._file.write(head)

    def keep(self, bad: BadLine) -> None:
        """Writes a line."""
        if self._file is not None:
            self._file.write(bad.line.raw if bad.line.raw.endswith(b"\n") else bad.line.raw + b"\n")
