"""``pacer rebuild``: the state recomputed from the event log, compared with the live one, and put in its place."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from typing import Annotated

import structlog
import typer
from rich.console import Console

from cli.deployment import (
    Asked,
    ConfigOption,
    DataOption,
    DeploymentPlace,
    KafkaOption,
    RedisOption,
    find_deployment,
    or_exit,
)
from cli.rebuild.opening import Wanted
from cli.rebuild.opening import rebuild as run_rebuild
from cli.rebuild.rebuilding import Ending, Rebuilt
from cli.rebuild.report import Shown, as_json, show
from shared.configuration import ConfigurationInvalid
from shared.errors import ConfigurationError, PacerError

EXIT_FAILED, EXIT_REFUSED, EXIT_DIFFERS, EXIT_INTERRUPTED = 1, 2, 3, 130
AGAIN = "Run the same command again: it goes on where it was. pacer rebuild --discard removes what is there."
YOUNG_OBJECTS = 50_000
"""As the aggregator: collecting every 700 objects scans each chunk several times over."""
WARNING = 30


def rebuild(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare only, then drop the new state.")] = False,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Rebuild from what is left of a log that was cut.")
    ] = False,
    new_configuration: Annotated[
        bool, typer.Option("--new-configuration", help="The configuration was edited while no worker ran.")
    ] = False,
    discard: Annotated[
        bool, typer.Option("--discard", help="Remove what a rebuild that did not end has left, and do nothing else.")
    ] = False,
    as_text: Annotated[bool, typer.Option("--json", help="The differences as JSON on standard output.")] = False,
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    data: DataOption = None,
) -> None:
    """Recompute the state from the event log beside the live one, show what differs, then switch.

    Services go on; readers see the new state from one moment to the next. Exit status 0: done, 3: --dry-run found
    differences, 2: refused, 1: failed, and the same command goes on.
    """
    place = or_exit(lambda: find_deployment(Asked(config, kafka, redis, data)))
    wanted = Wanted(dry_run=dry_run, accept_loss=accept_loss, new_configuration=new_configuration, discard=discard)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)
    raise typer.Exit(_run(place, wanted, as_text=as_text))


def _run(place: DeploymentPlace, wanted: Wanted, *, as_text: bool) -> int:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    shown = Shown(console)
    try:
        done = asyncio.run(run_rebuild(place, wanted, shown))
    except KeyboardInterrupt:
        shown.end()
        console.print(f"interrupted. {AGAIN}")
        return EXIT_INTERRUPTED
    except (PacerError, BaseExceptionGroup) as error:
        shown.end()
        return _explain(console, first_expected(error))
    if done is None:
        return 0
    return _report(done, as_text=as_text)


def _report(done: Rebuilt, *, as_text: bool) -> int:
    if as_text:
        typer.echo(json.dumps(as_json(done), indent=2))
    else:
        show(Console(highlight=False), done)
    return EXIT_DIFFERS if done.ending is Ending.COMPARED and not done.comparison.is_same else 0


def _explain(console: Console, error: PacerError) -> int:
    if isinstance(error, ConfigurationInvalid):
        for problem in error.problems:
            console.print(str(problem), markup=False)
        return EXIT_REFUSED
    if isinstance(error, ConfigurationError):
        console.print(str(error), markup=False)
        return EXIT_REFUSED
    console.print(f"{error}. {AGAIN}", markup=False)
    return EXIT_FAILED


def first_expected(error: BaseException) -> PacerError:
    """The expected error in a group of them. Raises the group if there is another one in it: that is a bug."""
    if isinstance(error, PacerError):
        return error
    if not isinstance(error, BaseExceptionGroup):
        raise error
    found = [first_expected(each) for each in error.exceptions if not isinstance(each, asyncio.CancelledError)]
    if not found:
        raise error
    return found[0]
