"""Runs the alerts: ``python -m services.alerts``."""

from __future__ import annotations

import sys

import uvloop

from services.alerts.settings import AlertsSettings
from services.alerts.wiring import run
from shared.errors import ConfigurationError
from shared.observability.logs import configure_logs
from shared.settings import EXIT_SETTINGS, load_settings


def main() -> None:
    """Judges and sends until a signal ends it."""
    settings = load_settings(AlertsSettings)
    configure_logs("alerts", settings.log)
    try:
        uvloop.run(run(settings))
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(EXIT_SETTINGS) from None


if __name__ == "__main__":
    main()
