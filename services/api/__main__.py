"""Runs the api: ``python -m services.api``."""

from shared.observability.true_time import keep_timers_true

keep_timers_true()

from services.api.settings import ApiSettings  # noqa: E402 - only behind it
from services.api.wiring import run  # noqa: E402 - only behind it
from shared.observability.process import run_service  # noqa: E402 - only behind it

if __name__ == "__main__":
    run_service("api", ApiSettings, run)
