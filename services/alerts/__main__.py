"""Runs the alerts: ``python -m services.alerts``."""

from shared.observability.true_time import keep_timers_true

keep_timers_true()

from services.alerts.settings import AlertsSettings  # noqa: E402 - only behind it
from services.alerts.wiring import run  # noqa: E402 - only behind it
from shared.observability.process import run_service  # noqa: E402 - only behind it

if __name__ == "__main__":
    run_service("alerts", AlertsSettings, run)
