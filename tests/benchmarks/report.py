"""What a benchmark found, as rows of one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure. ``baseline`` was measured in the same run; ``wanted`` says what the figure has to reach."""

    what: str
    value: float
    unit: str
    baseline: float | None = None
    wanted: str = ""
    met: bool | None = None

    @property
    def ratio(self) -> float | None:
        """Value over baseline."""
        return self.value / self.baseline if self.baseline else None


Benchmark = Callable[..., list[Row]]


def show(console: Console, title: str, rows: list[Row]) -> None:
    """One benchmark's rows; a missed wish is red."""
    table = Table(title=title, title_justify="left")
    for heading, justify in (("what", "left"), ("figure", "right"), ("baseline", "right"), ("ratio", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    table.add_column("wanted")
    for row in rows:
        colour = {None: "", True: "green", False: "red"}[row.met]
        baseline = "" if row.baseline is None else f"{row.baseline:,.0f}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        figure = f"{row.value:,.{2 if row.value < 10 else 1 if row.value < 1000 else 0}f}"
        table.add_row(row.what, f"{figure} {row.unit}", baseline, ratio, row.wanted, style=colour)
    console.print(table)


def percentile(values: list[float], share: float) -> float:
    """Nearest rank; ``share`` 0.99 is the 99th percentile."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))]
