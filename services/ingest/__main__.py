"""Runs the ingest service: ``python -m services.ingest``."""

from shared.observability.true_time import keep_timers_true

keep_timers_true()

from services.ingest.settings import DEFAULT_PORT, IngestSettings  # noqa: E402 - only behind it
from services.ingest.wiring import check, run  # noqa: E402 - only behind it
from shared.observability.process import run_processes  # noqa: E402 - only behind it

if __name__ == "__main__":
    run_processes("ingest", IngestSettings, run, check=check, default_port=DEFAULT_PORT)
