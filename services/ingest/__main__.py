"""Runs the ingest service: ``python -m services.ingest``."""

from services.ingest.settings import IngestSettings
from services.ingest.wiring import run
from shared.observability.process import run_service

if __name__ == "__main__":
    run_service("ingest", IngestSettings, run)
