"""A system of fake services on the real embedded parts: what is supervised is real, what is served is not.

`python -m tests.support.fake_system DATA` runs it as `pacer up` would, until a signal.
"""

from __future__ import annotations

import asyncio
import io
import sys
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from cli.up.backends import choose_backends
from cli.up.free_ports import free_ports
from cli.up.plan import ServicePlan, UpOptions, plan_services
from cli.up.report import Report
from cli.up.run import run_until_signal
from cli.up.system import System

FAKE = Path(__file__).with_name("fake_service.py")


def fake_command(plan: ServicePlan) -> list[str]:
    """Runs the stand-in, named as the service would be."""
    return [sys.executable, str(FAKE), plan.label, f"services.{plan.service}"]


def fake_system(data: Path, report: Report) -> System:
    """On free ports, with two aggregator workers."""
    api, ingest, aggregator, alerts, spare = free_ports(5)
    options = UpOptions(
        config=data,
        data=data,
        workers=2,
        api_port=api,
        ingest_port=ingest,
        aggregator_port=aggregator,
        alerts_port=alerts,
    )
    return System(
        options,
        plan_services(options, [spare]),
        choose_backends(options),
        retention=timedelta(days=1),
        report=report,
        command=fake_command,
    )


def recording_report() -> tuple[Report, io.StringIO]:
    """A report and what it has written."""
    written = io.StringIO()
    return Report(Console(file=written, highlight=False, soft_wrap=True)), written


if __name__ == "__main__":
    shown = Report()
    sys.exit(asyncio.run(run_until_signal(fake_system(Path(sys.argv[1]), shown), shown)))
