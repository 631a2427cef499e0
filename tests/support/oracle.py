"""The judge's values by period id, for who needs no more than those.

    oracle = Oracle(configuration, events, now="2026-11-23T12:00:00Z")
    oracle.rep("ana", "calls", "2026-11-23")        # a day, w2026-11-23, 2026-11, 2026-q4, 2026
    oracle.team("emea", "win_rate", "2026-q4")

``events``: native events as plain dicts, with ``source`` (default ``native``). ``configuration``: the YAML files'
content by file name without suffix.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from fractions import Fraction
from typing import Any

from tests.support.judge.readings import Judge
from tests.support.judge.times import add_months

NATIVE = {"sources": [{"id": "native", "provider": "native"}]}
"""The source of who does not say one."""


class Oracle:
    """The expected numbers of a set of events, in any order and with any repetition."""

    def __init__(self, configuration: dict[str, Any], events: Iterable[dict[str, Any]], *, now: str) -> None:
        self._judge = Judge({"sources": NATIVE} | configuration, events, now=datetime.fromisoformat(now))

    def rep(self, rep: str, kpi: str, period: str) -> Fraction | None:
        """A rep's value; None is null."""
        return self._judge.rep_value(rep, kpi, self._judge.rep_span(rep, *self._asked(period)))

    def team(self, team: str, kpi: str, period: str) -> Fraction | None:
        """A team's value, its members as they were."""
        kind, first = self._asked(period)
        return self._judge.team_value(team, kpi, self._judge.team_span(team, kind, first), first, "as_was")

    def unmapped(self) -> dict[str, int]:
        """Facts of owners whom nobody claims, by ``source/owner``."""
        return Counter(f"{fact.source}/{fact.owner}" for fact in self._judge.unmapped)

    def _asked(self, period: str) -> tuple[str, date]:
        """The kind and first day that a period's id stands for."""
        if len(period) >= len("2026-11-23"):
            return ("week" if period.startswith("w") else "day"), date.fromisoformat(period.removeprefix("w"))
        year = int(period[:4])
        fiscal = date(year, int(str(self._judge.tenant.get("fiscal_year_start", "01-01"))[:2]), 1)
        if len(period) == len("2026"):
            return "year", fiscal
        if "q" in period:
            return "quarter", add_months(fiscal, 3 * (int(period[-1]) - 1))
        return "month", date(year, int(period[5:]), 1)
