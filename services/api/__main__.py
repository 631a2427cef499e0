"""Runs the api: ``python -m services.api``."""

from services.api.settings import ApiSettings
from services.api.wiring import run
from shared.observability.process import run_service

if __name__ == "__main__":
    run_service("api", ApiSettings, run)
