"""Runs the ingest service: ``python -m services.ingest``."""

from services.ingest.settings import DEFAULT_PORT, IngestSettings
from services.ingest.wiring import check, run
from shared.observability.process import run_processes

if __name__ == "__main__":
    run_processes("ingest", IngestSettings, run, check=check, default_port=DEFAULT_PORT)
