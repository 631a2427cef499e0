"""A service's process: settings, logs, an event loop, and an exit code that says whose move it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from shared.errors import ConfigurationError
from shared.observability.logs import configure_logs
from shared.settings import EXIT_SETTINGS, ServiceSettings, load_settings

S = TypeVar("S", bound=ServiceSettings)


def run_service(name: str, kind: type[S], run: Callable[[S], Coroutine[Any, Any, None]]) -> None:
    """Runs until a signal ends it. Wrong settings or configuration: one readable message, exit 2."""
    settings = load_settings(kind)
    configure_logs(name, settings.log)
    try:
        uvloop.run(run(settings))
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(EXIT_SETTINGS) from None
