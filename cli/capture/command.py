"""The command ``pacer capture``: real deliveries of a source become test data (ADR 0024)."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NoReturn

import httpx
import typer
import uvicorn

from cli.capture.collecting import Collection, write_cases
from cli.capture.proxy import PREFIX, CapturingProxy
from cli.deployment import Asked, ConfigOption, DataOption, configured, find_configuration, or_exit
from cli.up.data_directory import read_deployment
from services.ingest.settings import DEFAULT_PORT
from shared.adapters.system_clock import SystemClock
from shared.domain.sources import Source
from shared.observability.serving import server
from shared.settings import EXIT_SETTINGS, HttpSettings

EXIT_NOTHING = 1
FORWARD_SECONDS = 30.0
"""Senders give up after 5 to 60 s; ingest itself answers within six."""


def capture(  # noqa: PLR0917 - typer makes an option of each
    source_id: Annotated[str, typer.Argument(metavar="SOURCE")],
    out: Annotated[Path, typer.Option(help="File to write; one that exists is left alone.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where senders are to be led to; 0: any.")] = 8091,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    ingest: Annotated[str | None, typer.Option(help="URL of the running ingest.")] = None,
    count: Annotated[int, typer.Option(min=1, max=1000, help="Deliveries to capture.")] = 20,
    minutes: Annotated[float, typer.Option(min=0.01, max=240, help="How long to wait for them.")] = 15,
    leave: Annotated[bool, typer.Option("--leave", help="End then, instead of passing on.")] = False,  # noqa: FBT002 - a flag
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Pass deliveries on to ingest and write those of a source as test data, without personal data and secrets.

    Lead the source's senders here for a while: what they send is passed on as it is, and answered by ingest.
    """
    source = or_exit(lambda: _source(source_id, Asked(config=config, data=data)))
    address = or_exit(lambda: _running_ingest(ingest, data))
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        _refuse(f"cannot listen on {host}:{port}: {error.strerror}")
    collection = Collection(source, most=count)
    with listening:
        _reserve(out)
        asyncio.run(_Run(collection, out, leave=leave).serve(source_id, listening, address, seconds=minutes * 60))
    if not collection.cases:
        raise typer.Exit(EXIT_NOTHING)


class _Run:
    """One run: collects, writes once, and goes on passing deliveries on until it is ended, unless it is to leave."""

    def __init__(self, collection: Collection, out: Path, *, leave: bool) -> None:
        self._collection = collection
        self._out = out
        self._leave = leave
        self._written = False

    async def serve(self, source: str, listening: socket.socket, address: str, *, seconds: float) -> None:
        """Until a signal ends it, or until there is enough."""
        for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them again when it is done
            signal.signal(number, lambda *_: None)
        host, port = listening.getsockname()[:2]
        async with httpx.AsyncClient(base_url=address, timeout=FORWARD_SECONDS, trust_env=False) as client:
            proxy = CapturingProxy(client, source, SystemClock(), self._collection.take)
            serving = server(proxy, HttpSettings(host=host), port)
            typer.echo(f"capturing {source}: http://{host}:{port}{PREFIX}{source} passes on to {address}")
            async with asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(self._finish(serving, seconds))
                await serving.serve([listening])
                waiting.cancel()
        self._write()

    async def _finish(self, serving: uvicorn.Server, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._collection.enough.wait()
        self._write()
        if self._leave:
            serving.should_exit = True
        else:
            typer.echo("deliveries are still passed on: lead the senders back to ingest, then end this with Ctrl-C")

    def _write(self) -> None:
        if self._written:
            return
        self._written = True
        cases = self._collection.close()
        if cases:
            write_cases(self._out, cases)
            typer.echo(f"{self._out}: {len(cases)} deliveries. Read it before you commit it")
        else:
            self._out.unlink()
            typer.echo("nothing was captured")
        for reason, often in self._collection.left_out.most_common():
            typer.echo(f"left out, {often}: {reason}")


def _running_ingest(ingest: str | None, data: Path | None) -> str:
    if ingest is not None:
        return ingest.rstrip("/")
    port = DEFAULT_PORT if data is None else read_deployment(data).ports["ingest"]
    return f"http://127.0.0.1:{port}"


def _reserve(out: Path) -> None:
    """Makes the file: nobody else's is overwritten, and a place that cannot be written is known at once."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.touch(exist_ok=False)
    except FileExistsError:
        _refuse(f"{out} exists: it is left as it is. Choose another name with --out")
    except OSError as error:
        _refuse(f"cannot write {out}: {error.strerror}")


def _refuse(said: str) -> NoReturn:
    typer.echo(said, err=True)
    raise typer.Exit(EXIT_SETTINGS)


def _source(source_id: str, asked: Asked) -> Source:
    directory = find_configuration(asked)
    if directory is None:
        _refuse("which deployment? Give --data DIR of a running `pacer up`, or --config, or set PACER_CONFIG_DIR")
    sources = configured(directory).sources
    if source_id not in sources:
        _refuse(f"there is no source `{source_id}`: {', '.join(sorted(sources)) or 'none is configured'}")
    return sources[source_id]
