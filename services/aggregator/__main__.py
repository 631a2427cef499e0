"""Runs one aggregator worker: ``python -m services.aggregator``.

Exit codes: 0 after SIGTERM or SIGINT, 1 for a failure that a restart may mend, 2 for wrong settings or
configuration, 4 when Redis holds the state of another log, 5 when too much of the log cannot be used.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys

from shared.observability.true_time import keep_timers_true

keep_timers_true()

import structlog  # noqa: E402 - only behind it
import uvloop  # noqa: E402 - only behind it

from services.aggregator.adapters.log_identity import ForeignLog  # noqa: E402 - only behind it
from services.aggregator.adapters.process_end import EXIT_FAILED, EXIT_FOREIGN_LOG  # noqa: E402 - only behind it
from services.aggregator.settings import AggregatorSettings  # noqa: E402 - only behind it
from services.aggregator.wiring import open_worker  # noqa: E402 - only behind it
from shared.errors import ConfigurationError, TransientError  # noqa: E402 - only behind it
from shared.observability.logs import configure_logs  # noqa: E402 - only behind it
from shared.settings import EXIT_SETTINGS, load_settings  # noqa: E402 - only behind it

YOUNG_OBJECTS = 50_000
"""Collecting every 700 objects scans each chunk several times over, for cycles that chunks do not have."""
log = structlog.get_logger()


def main() -> int:
    """The process from settings to exit code."""
    settings = load_settings(AggregatorSettings)
    configure_logs("aggregator", settings.log)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # Faust makes its consumer's loop by policy
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)
    try:
        asyncio.run(run(settings))
    except ForeignLog as error:
        return _refuse(error, EXIT_FOREIGN_LOG)
    except ConfigurationError as error:
        return _refuse(error, EXIT_SETTINGS)
    except TransientError as error:
        return _refuse(error, EXIT_FAILED)
    return 0


async def run(settings: AggregatorSettings) -> None:
    """Works until a signal asks for the end. Raises: as open_worker, and what crashed the worker."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_worker(settings, os.environ) as aggregator:
        log.info("started", config=str(settings.config_dir))
        asked, failed = asyncio.create_task(stop.wait()), asyncio.create_task(aggregator.failed())
        await asyncio.wait([asked, failed], return_when=asyncio.FIRST_COMPLETED)
        if failed.done():
            await failed
        failed.cancel()
        log.info("stopping")


def _refuse(error: Exception, code: int) -> int:
    sys.stderr.write(f"{error}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
