"""Runs the ingest service: ``python -m services.ingest``."""

from __future__ import annotations

import sys

import uvloop

from services.ingest.settings import IngestSettings
from services.ingest.wiring import run
from shared.errors import ConfigurationError
from shared.observability.logs import configure_logs
from shared.settings import EXIT_SETTINGS, load_settings


def main() -> None:
    """Serves until a signal ends it."""
    settings = load_settings(IngestSettings)
    configure_logs("ingest", settings.log)
    try:
        uvloop.run(run(settings))
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(EXIT_SETTINGS) from None


if __name__ == "__main__":
    main()
