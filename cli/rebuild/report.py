"""What people and programs are shown of a rebuild."""

from __future__ import annotations

from contextlib import ExitStack
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from cli.progress import Phase, phase
from cli.rebuild.differences import Comparison, Difference
from cli.rebuild.rebuilding import Rebuilt


class Shown:
    """Told to people while it happens: notes as lines, the work as a bar or, where nobody watches, as lines."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stack = ExitStack()
        self._phase: Phase | None = None
        self._done = 0

    def note(self, text: str) -> None:
        """A line."""
        self._console.print(text, markup=False)

    def begin(self, name: str, total: int) -> None:
        """A part of the work."""
        self._done = 0
        self._phase = self._stack.enter_context(phase(self._console, name, total, "events"))

    def worked(self, events: int) -> None:
        """Some of it is through."""
        self._done += events
        if self._phase is not None:
            self._phase.at(self._done, self._done)

    def end(self) -> None:
        """It is over, or broken off."""
        self._phase = None
        self._stack.close()


def as_json(done: Rebuilt) -> dict[str, Any]:
    """For programs: ``--json``. Values are text, so that they stay exact."""
    found = done.comparison
    return {
        "ending": done.ending.value,
        "same": found.is_same,
        "reps_compared": found.compared,
        "reps_differing": len(found.reps),
        "readings_differing": len(found.readings),
        "readings_differing_by_kpi": found.by_kpi(),
        "facts_differing": found.facts,
        "greatest": [_plain(each) for each in found.greatest()],
        "messages_behind": found.behind,
        "reps_unchecked": found.unchecked,
    }


def show(console: Console, done: Rebuilt) -> None:
    """For people."""
    found = done.comparison
    if found.is_same:
        console.print(f"the two states are the same: {found.compared:,} reps compared")
    else:
        console.print(
            f"{len(found.readings):,} readings of {len(found.reps):,} of {found.compared:,} reps differ, "
            f"and {sum(found.facts.values()):,} facts"
        )
        _show_kpis(console, found)
        _show_greatest(console, found)
    if found.behind:
        console.print(f"the live state was {found.behind:,} messages behind: some of it may come of that")
    if found.unchecked:
        console.print(f"{found.unchecked:,} reps moved meanwhile and were not compared once more")


def _show_kpis(console: Console, found: Comparison) -> None:
    if found.readings:
        table = Table("KPI", "readings that differ", box=None)
        for kpi, count in found.by_kpi().items():
            table.add_row(kpi, f"{count:,}")
        console.print(table)


def _show_greatest(console: Console, found: Comparison) -> None:
    if found.readings:
        table = Table("rep", "KPI", "period", "live", "rebuilt", title="the greatest differences", box=None)
        for each in found.greatest():
            table.add_row(f"{each.tenant}/{each.rep}", each.kpi, each.period, _text(each.live), _text(each.rebuilt))
        console.print(table)
    for subject, count in list(found.facts.items())[:20]:
        console.print(f"{subject}: {count:,} facts differ", markup=False)


def _plain(each: Difference) -> dict[str, str | None]:
    return {
        "tenant": each.tenant,
        "rep": each.rep,
        "kpi": each.kpi,
        "period": each.period,
        "live": None if each.live is None else _text(each.live),
        "rebuilt": None if each.rebuilt is None else _text(each.rebuilt),
    }


def _text(value: Decimal | None) -> str:
    return "-" if value is None else f"{value:f}"
