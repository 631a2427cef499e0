"""`pacer demo`: the whole system on embedded parts with a simulated sales floor; Ctrl-C leaves nothing behind."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import socket
import sys
import tempfile
import webbrowser
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import structlog
import typer

from cli.alert_receiver import AlertReceiver
from cli.simulate.demo_floor import run_demo_floor
from cli.simulate.demo_tenant import write_demo_config
from cli.up.command import Port, run_system
from cli.up.free_ports import LOOPBACK, free_ports, is_free
from cli.up.missing_secrets import missing_variables
from cli.up.plan import AGGREGATOR_PORT, ALERTS_PORT, API_PORT, INGEST_PORT, UpOptions
from cli.up.report import Report
from shared.adapters.system_clock import SystemClock

SECRET_BYTES = 24


def demo(
    *,
    api_port: Port = API_PORT,
    ingest_port: Port = INGEST_PORT,
    browser: Annotated[bool, typer.Option(help="open the board where there is a desktop")] = True,
) -> None:
    """The whole system with a simulated sales floor; nothing is kept when Ctrl-C ends it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))  # warnings; the report says the rest
    with tempfile.TemporaryDirectory(prefix="pacer-demo-") as made, socket.create_server((LOOPBACK, 0)) as listening:
        config = Path(made) / "config"
        write_demo_config(config, SystemClock().now())
        receiver_url = f"http://{LOOPBACK}:{listening.getsockname()[1]}/alerts"
        os.environ.update(demo_environment(missing_variables(config, {}), receiver_url))
        options = UpOptions(
            config=config,
            data=Path(made) / "data",
            api_port=api_port,
            ingest_port=ingest_port,
            aggregator_port=_free_or_any(AGGREGATOR_PORT),
            alerts_port=_free_or_any(ALERTS_PORT),
        )
        report = Report()
        visit = _Visit(options, report, AlertReceiver(listening, report.note), browser=browser)
        code = run_system(options, report, visit.run)
    raise typer.Exit(code)


def demo_environment(names: Iterable[str], receiver_url: str) -> dict[str, str]:
    """A value for each variable that the demo's configuration names, also where the caller has set one: the demo must
    neither use real secrets nor send its alerts to real people. Every secret has the form of a Standard Webhooks one,
    which the others accept as well.
    """
    return {name: receiver_url if name.endswith("_URL") else _secret() for name in names}


def _secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _free_or_any(port: int) -> int:
    return port if is_free(port) else free_ports(1)[0]


class _Visit:
    """What runs beside the ready system: the floor, the receiver of alerts, the browser."""

    def __init__(self, options: UpOptions, report: Report, receiver: AlertReceiver, *, browser: bool) -> None:
        self._options = options
        self._report = report
        self._receiver = receiver
        self._browser = browser

    async def run(self) -> None:
        """Until it is cancelled."""
        board = f"http://{LOOPBACK}:{self._options.api_port}/"
        self._report.note(f"board      {board}")
        self._report.note(f"wall       {board}tv")
        self._report.note(f"API        {board}docs")
        self._report.note("a simulated sales floor posts two weeks of history, then live events; an alert will follow")
        if self._browser and has_desktop():
            await asyncio.to_thread(webbrowser.open, board)
        async with self._receiver.serving():
            ingest = f"http://{LOOPBACK}:{self._options.ingest_port}"
            await run_demo_floor(ingest, self._options.config, os.environ, SystemClock())


def has_desktop() -> bool:
    """True where a browser window can be opened."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
