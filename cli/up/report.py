"""What `pacer up` says on the console: plain lines, or with colour on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from rich.console import Console
from rich.markup import escape
from rich.table import Table


class Row(Struct, frozen=True):
    """One process in the table."""

    label: str
    state: str
    address: str
    pid: int | None
    log: str


class Report:
    """Writes to the console."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Something that happened."""
        self._console.print(f"[dim]{escape(text)}[/dim]")

    def problem(self, text: str) -> None:
        """Something that a person should look at."""
        self._console.print(f"[yellow]{escape(text)}[/yellow]")

    def ready(self, text: str) -> None:
        """The one line that begins with ``ready``."""
        self._console.print(f"[bold green]ready[/bold green] {escape(text)}")

    def table(self, rows: Sequence[Row]) -> None:
        """One line a process."""
        if self._console.is_terminal:
            self._console.print(_rich_table(rows))
            return
        for row in rows:
            self._console.print(f"{row.label:<14} {row.state:<9} {row.address:<28} pid {row.pid or '-':<8} {row.log}")


def _rich_table(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("service", "state", "address", "pid", "log"):
        table.add_column(heading)
    for row in rows:
        table.add_row(row.label, f"[green]{row.state}[/green]", row.address, str(row.pid or "-"), row.log)
    return table
