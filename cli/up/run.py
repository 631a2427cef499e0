"""Runs a system until a signal ends it: the first one in order, the second at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

from cli.up.report import Report
from cli.up.system import System
from shared.errors import PacerError

EXIT_FAILED, EXIT_KILLED = 1, 130
Companion = Callable[[], Awaitable[None]]
"""Runs beside the system once it is ready (the demo's simulator); its end ends nothing."""


async def run_until_signal(system: System, report: Report, companion: Companion | None = None) -> int:
    """The exit code: 0 after an orderly end, 1 when the system failed, 130 when a second signal cut the end short."""
    signals: list[int] = []

    def on_signal(number: int) -> None:
        signals.append(number)
        if len(signals) == 1:
            work.cancel()
        else:
            system.kill()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    work = asyncio.create_task(_work(system, report, companion))
    try:
        failure = await _outcome(work)
        if failure is not None:
            report.problem(str(failure))
        elif signals:
            report.note("ending; once more kills at once")
    finally:
        await system.close()
    return EXIT_KILLED if len(signals) > 1 else EXIT_FAILED if failure else 0


async def _outcome(work: asyncio.Task[None]) -> PacerError | None:
    try:
        await work
    except asyncio.CancelledError:
        return None
    except PacerError as error:
        return error
    return None


async def _work(system: System, report: Report, companion: Companion | None) -> None:
    beside = asyncio.create_task(_when_ready(system, report, companion)) if companion else None
    try:
        await system.run()
    finally:
        if beside:
            beside.cancel()
            with suppress(asyncio.CancelledError):
                await beside


async def _when_ready(system: System, report: Report, companion: Companion) -> None:
    await system.announced.wait()
    try:
        await companion()
    except PacerError as error:
        report.problem(f"{error.reason}: {error}")
