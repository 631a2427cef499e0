"""`pacer simulate`: play a sales floor against a running ingest service."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from random import Random
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cli.simulate.oracle import expected_values
from cli.simulate.oracle_rules import read_rules
from cli.simulate.run import Plan, Simulation, open_http
from cli.simulate.sender import Sender, Tally
from cli.simulate.wire import Element
from shared.adapters.system_clock import SystemClock
from shared.configuration import load_deployment
from shared.errors import PacerError

REFRESH_SECONDS = 0.2


def simulate(  # noqa: PLR0917 - typer makes an option of each
    url: Annotated[str, typer.Option(help="The ingest service.")] = "http://127.0.0.1:8081",
    rate: Annotated[float, typer.Option(help="Live events a second.", min=0)] = 5.0,
    reps: Annotated[int, typer.Option(help="How many of the configured reps work.", min=1)] = 24,
    days: Annotated[int, typer.Option(help="Days of history before today.", min=0)] = 14,
    seed: Annotated[int, typer.Option(help="The same seed plays the same floor.")] = 1,
    config: Annotated[Path, typer.Option(help="The tenant's configuration directory.")] = Path("config/acme"),
    duration: Annotated[float | None, typer.Option(help="Seconds of live events; without it until Ctrl-C.")] = None,
    oracle: Annotated[Path | None, typer.Option(help="Write the exact expected KPI values to this file.")] = None,
) -> None:
    """The simulated CRM: signed webhooks of a plausible sales floor, with duplicates, disorder and corrections."""
    console = Console(stderr=True)
    plan = Plan(reps=reps, days=days, rate=rate, seed=seed, seconds=duration)
    try:
        sent = asyncio.run(_run(console, url, plan, config=config, keep=oracle is not None))
        if oracle is not None:
            oracle.write_bytes(expected_values(sent, read_rules(config), now=SystemClock().now()))
            console.print(f"expected values: {oracle}", highlight=False)
    except asyncio.CancelledError:
        console.print("ended before all was delivered")
        raise typer.Exit(130) from None
    except PacerError as error:
        console.print(f"[red]{error.reason}[/red]: {error}", highlight=False)
        raise typer.Exit(1) from None


async def _run(console: Console, url: str, plan: Plan, *, config: Path, keep: bool) -> list[Element]:
    """Play the plan; the events that the receiver took, where they are to be kept."""
    deployment = load_deployment(config, os.environ)
    tenant = next(iter(deployment.tenants.values()))
    clock = SystemClock()
    async with open_http() as http:
        sender = Sender(http, url, deployment.sources, clock=clock, random=Random(plan.seed))  # noqa: S311 - jitter
        simulation = Simulation(tenant, deployment.sources, plan, sender=sender, clock=clock)
        simulation.sent = [] if keep else None
        await _watched(console, simulation, sender)
    _summarise(console, sender.tally)
    return simulation.sent or []


async def _watched(console: Console, simulation: Simulation, sender: Sender) -> None:
    """Run with a progress display; Ctrl-C and SIGTERM end it after what is on its way, a second one at once."""
    loop, running = asyncio.get_running_loop(), asyncio.current_task()

    def end() -> None:
        if simulation.stopping and running is not None:
            running.cancel()
        simulation.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    console.print("simulating; Ctrl-C ends it", highlight=False)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        display = asyncio.create_task(_show(progress, simulation, sender.tally))
        try:
            await simulation.run()
        finally:
            display.cancel()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


async def _show(progress: Progress, simulation: Simulation, tally: Tally) -> None:
    bar = progress.add_task("history", total=None)
    posted, speed = 0, 0.0
    while True:
        speed += 0.2 * ((tally.posted - posted) / REFRESH_SECONDS - speed)
        posted = tally.posted
        live = simulation.history_events <= posted
        progress.update(
            bar,
            description=f"{'live' if live else 'history'} {speed:7.0f} events/s",
            total=None if live else simulation.history_events,
            completed=posted,
        )
        await asyncio.sleep(REFRESH_SECONDS)


def _summarise(console: Console, tally: Tally) -> None:
    console.print(
        f"{tally.posted} events posted: {tally.accepted} accepted, {tally.quarantined} quarantined, "
        f"{tally.ignored} ignored; {tally.retries} attempts repeated",
        highlight=False,
    )
    for reason, number in tally.problems.most_common():
        console.print(f"  {reason}: {number}", highlight=False)
