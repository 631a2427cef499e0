"""Runs the alerts: ``python -m services.alerts``."""

from services.alerts.settings import AlertsSettings
from services.alerts.wiring import run
from shared.observability.process import run_service

if __name__ == "__main__":
    run_service("alerts", AlertsSettings, run)
