"""What a rep's cells count: until they count a KPI, nothing can be said of it. Written as they are folded."""

from __future__ import annotations

from collections.abc import Iterable

from shared.domain.kpis import RANKED, Aggregate, Kpi


def folded_of(kpis: Iterable[Kpi]) -> str:
    """The definitions that cells of these KPIs hold, each with how; ratios have none of their own."""
    return " ".join(sorted({held_as(kpi) for kpi in kpis if kpi.aggregate is not Aggregate.RATIO}))


def held_as(kpi: Kpi) -> str:
    """A definition with what is kept for it: another aggregate may need what nobody kept."""
    if kpi.aggregate in RANKED:
        return f"{kpi.definition}=numbers"
    return f"{kpi.definition}={Aggregate.SUM if kpi.aggregate is Aggregate.AVERAGE else kpi.aggregate}"


def parsed(text: str) -> frozenset[str]:
    """What ``folded_of`` says, one by one."""
    return frozenset(text.split())
