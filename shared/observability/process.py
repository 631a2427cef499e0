"""A service's process: settings, logs, an event loop, and an exit code that says whose move it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from shared.errors import ConfigurationError
from shared.observability.logs import configure_logs
from shared.observability.supervising import supervise
from shared.observability.workers import Worker
from shared.settings import EXIT_SETTINGS, ServiceSettings, load_settings

S = TypeVar("S", bound=ServiceSettings)


def run_service(name: str, kind: type[S], run: Callable[[S], Coroutine[Any, Any, None]]) -> None:
    """Runs until a signal ends it. Wrong settings or configuration: one readable message, exit 2."""
    settings = load_settings(kind)
    configure_logs(name, settings.log)
    _run_to_the_end(lambda: uvloop.run(run(settings)))


def run_processes(
    name: str,
    kind: type[S],
    run: Callable[[S, Worker | None], Coroutine[Any, Any, None]],
    *,
    check: Callable[[S], None],
    default_port: int,
) -> None:
    """As run_service, with as many processes as the settings ask for; one is the service itself, without a parent.

    ``check`` raises what would keep the service from starting, so that it is said once and not by each process.
    """
    settings = load_settings(kind)
    configure_logs(name, settings.log)
    http = settings.http
    if http.processes == 1:
        _run_to_the_end(lambda: uvloop.run(run(settings, None)))
        return
    _run_to_the_end(lambda: check(settings))
    address = (http.host, http.port or default_port)

    def work(worker: Worker) -> None:
        _run_to_the_end(lambda: uvloop.run(run(settings, worker)))

    raise SystemExit(supervise(http.processes, address, work))


def _run_to_the_end(work: Callable[[], object]) -> None:
    try:
        work()
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(EXIT_SETTINGS) from None
