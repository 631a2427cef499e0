"""The commands ``pacer quarantine list``, ``show`` and ``retry``."""

from __future__ import annotations

import asyncio
import getpass
import json
import logging
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import typer
from aiokafka.errors import KafkaError

from cli.deployment import Asked, ConfigOption, DataOption, KafkaOption, RedisOption, find_backends, or_exit
from cli.quarantine import report
from cli.quarantine.desk import Desk, open_desk, parked_facts
from shared.contracts.quarantine import entry_view, raw_of, whole_view
from shared.domain.instants import Micros, from_datetime, parse
from shared.domain.quarantine import Entry, InvalidCursor, RetryOutcome, Selection, page
from shared.errors import PacerError

EXIT_FAILED, EXIT_USAGE = 1, 2
T = TypeVar("T")

quarantine = typer.Typer(help="What cannot be used: list it, look at it, have it tried again.", no_args_is_help=True)
Reason = Annotated[str | None, typer.Option(help="Only what waits for this reason.")]
Source = Annotated[str | None, typer.Option(help="Only what this source sent.")]
AsJson = Annotated[bool, typer.Option("--json", help="As the API answers it.")]


@quarantine.callback()
def group() -> None:
    """What cannot be used: list it, look at it, have it tried again."""


@quarantine.command("list")
def list_entries(  # noqa: PLR0917 - typer makes an option of each
    reason: Reason = None,
    source: Source = None,
    since: Annotated[str | None, typer.Option(help="A date (UTC) or a time such as 2026-11-23T09:30:00Z.")] = None,
    until: Annotated[str | None, typer.Option(help="As --since; what came at that time is left out.")] = None,
    settled: Annotated[bool, typer.Option("--all", help="Also what was dealt with.")] = False,  # noqa: FBT002 - a flag
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    after: Annotated[str | None, typer.Option(help="What the page before said.")] = None,
    as_json: AsJson = False,  # noqa: FBT002 - a flag
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    data: DataOption = None,
) -> None:
    """What cannot be used, the latest first; owners whom nobody claims; amounts without a rate."""
    backends = or_exit(lambda: find_backends(Asked(config, kafka, redis, data)))
    selection = Selection(reason=reason, source=source, since=_instant(since), until=_instant(until), settled=settled)

    async def look() -> None:
        async with open_desk(backends.kafka) as desk:
            shown = page(desk.index.entries(selection.has), most=limit, after=after)
            counts, unreadable = desk.index.counts(lambda _: True), desk.index.unreadable
        waiting = await parked_facts(backends.redis)
        if as_json:
            entries = [entry_view(entry) for entry in shown.entries]
            typer.echo(json.dumps({"entries": entries, "next": shown.after, "waiting": counts}, indent=2))
            return
        for line in (*report.listing(shown, counts), *report.parked(waiting)):
            typer.echo(line)
        if unreadable:
            typer.echo(f"{unreadable} messages of the topic are nothing that this version can read")

    _run(look())


@quarantine.command()
def show(  # noqa: PLR0917 - as above
    entry_id: Annotated[str, typer.Argument(metavar="ID")],
    raw: Annotated[bool, typer.Option("--raw", help="Only what was kept, byte for byte.")] = False,  # noqa: FBT002 - a flag
    as_json: AsJson = False,  # noqa: FBT002 - a flag
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    data: DataOption = None,
) -> None:
    """One entry whole: what was sent, why it cannot be used, and what came of retries."""
    backends = or_exit(lambda: find_backends(Asked(config, kafka, redis, data)))

    async def look() -> None:
        async with open_desk(backends.kafka) as desk:
            entry = _entry(desk, entry_id)
            kept = await desk.body(entry)
        if raw:
            if kept is None:
                raise typer.Exit(EXIT_FAILED)
            sys.stdout.buffer.write(raw_of(kept))
        elif as_json:
            typer.echo(json.dumps(whole_view(entry, kept), indent=2))
        else:
            for line in report.whole(entry, kept):
                typer.echo(line)

    _run(look())


@quarantine.command()
def retry(  # noqa: PLR0917 - as above
    entry_ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...")] = None,
    reason: Reason = None,
    source: Source = None,
    everything: Annotated[bool, typer.Option("--all", help="All that waits.")] = False,  # noqa: FBT002 - a flag
    patience: Annotated[
        float, typer.Option("--wait", min=1, help="Seconds without any answer before it gives up.")
    ] = 30,
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    data: DataOption = None,
) -> None:
    """Have ingest translate entries again under the configuration of now. What was accepted before is left alone."""
    by_selection = reason is not None or source is not None or everything
    if bool(entry_ids) is by_selection:
        typer.echo("what is to be tried again? Give ids, or --reason, --source or --all", err=True)
        raise typer.Exit(EXIT_USAGE)
    backends = or_exit(lambda: find_backends(Asked(config, kafka, redis, data)))
    selection = Selection(reason=reason, source=source)

    async def again() -> bool:
        async with open_desk(backends.kafka) as desk:
            named = [_entry(desk, entry_id) for entry_id in dict.fromkeys(entry_ids or ())]
            chosen = named or list(desk.index.entries(selection.has))
            for entry in (one for one in chosen if not one.waits):
                typer.echo(f"{entry.head.id} was dealt with before: nothing to do")
            waiting = [entry for entry in chosen if entry.waits]
            if not waiting:
                typer.echo("nothing is to be tried again")
                return True
            came = await desk.retry(waiting, by=f"cli:{getpass.getuser()}", patience_seconds=patience)
        for line in report.outcomes(came):
            typer.echo(line)
        settled = all(one.outcome is not RetryOutcome.QUARANTINED for one in came.resolved.values())
        return settled and not came.unanswered

    if not _run(again()):
        raise typer.Exit(EXIT_FAILED)


def _entry(desk: Desk, entry_id: str) -> Entry:
    entry = desk.index.get(entry_id)
    if entry is None:
        typer.echo(f"there is no entry {report.harmless(entry_id)}: see pacer quarantine list --all", err=True)
        raise typer.Exit(EXIT_FAILED)
    return entry


def _instant(text: str | None) -> Micros | None:
    if text is None:
        return None
    try:
        if len(text) == len("2026-11-23"):
            return from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))
        return parse(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a date nor a time such as 2026-11-23T09:30:00Z") from None


def _run(work: Coroutine[Any, Any, T]) -> T:
    """What the work returns; where a part does not answer, that in one line and exit 1."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells of an outage what the line tells
    try:
        return asyncio.run(work)
    except InvalidCursor as error:
        typer.echo(f"--after: {error}", err=True)
        raise typer.Exit(EXIT_USAGE) from None
    except (PacerError, KafkaError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_FAILED) from None
