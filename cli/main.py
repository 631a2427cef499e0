"""The ``pacer`` command: one typer app, each command in a module of its own."""

from __future__ import annotations

import typer

from cli.capture.command import capture
from cli.check import check
from cli.demo import demo
from cli.diff.command import diff
from cli.history.command import import_history
from cli.quarantine.command import quarantine
from cli.rebuild.command import rebuild
from cli.simulate.command import simulate
from cli.sources.command import sources
from cli.token import token
from cli.up.command import up

app = typer.Typer(
    name="pacer",
    help="Live, exact sales KPIs: who will miss her numbers, while there is still time to act.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(capture)
app.command()(check)
app.command()(demo)
app.command()(diff)
app.command("import")(import_history)
app.command()(rebuild)
app.command()(simulate)
app.command()(sources)
app.command()(up)
app.add_typer(quarantine, name="quarantine")
app.add_typer(token, name="token")

if __name__ == "__main__":
    app()
