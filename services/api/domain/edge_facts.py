"""What the facts at a rolling period's edges add to each KPI, as cells would have counted them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from services.api.domain.receipts import Holding, Receipt, receipts
from shared.domain.accumulators import Accumulator, Tally
from shared.domain.changes import value_text
from shared.domain.exact import ZERO
from shared.domain.facts import Fact, PageEntry
from shared.domain.kpis import RANKED, Aggregate, Kpi
from shared.domain.periods import local_day
from shared.domain.rolling import Span
from shared.domain.team_parts import Part
from shared.domain.tenant import Tenant


def counted_at_edges(
    tenant: Tenant,
    bases: Iterable[Kpi],
    part: Part,
    pages: Mapping[str, Mapping[str, PageEntry]],
    spans: Sequence[Span],
) -> Tally:
    """A tally of the facts of some spans, on days on which they are the part's. ``bases`` are no ratios."""
    facts = list(_inside(part, pages, spans))
    tally = Tally.empty()
    for base in bases:
        if base.aggregate is Aggregate.LATEST:
            continue
        for receipt in receipts(tenant, base, [Holding(part.rep.id, part.rep.zone, facts)]):
            if receipt.outcome.counts:
                _take(tally, base, receipt)
    return tally


def _inside(part: Part, pages: Mapping[str, Mapping[str, PageEntry]], spans: Sequence[Span]) -> Iterator[Fact]:
    for entries in pages.values():
        for entry in entries.values():
            fact = entry.fact
            if fact is None or fact.is_state or not any(start <= fact.at < end for start, end in spans):
                continue
            if part.includes(local_day(fact.at, part.rep.zone)):
                yield fact


def _take(tally: Tally, base: Kpi, receipt: Receipt) -> None:
    adds = receipt.adds or ZERO
    if base.aggregate is Aggregate.DISTINCT:
        value = receipt.fact.fields.get(base.field or "")
        tally.take_values(base.definition, () if value is None else (value_text(value),))
    elif base.aggregate in RANKED:
        tally.take_numbers(base.definition, {adds: 1})
    else:
        tally.take({base.definition: Accumulator(1, ZERO if base.aggregate is Aggregate.COUNT else adds)})
