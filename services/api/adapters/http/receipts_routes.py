"""GET of the facts behind a number."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from services.api.adapters.http.answers import enveloped
from services.api.adapters.http.callers import Asker
from services.api.adapters.http.readings_routes import AtText, PeriodText
from services.api.domain.asking import at_of, period_kind
from services.api.domain.receipts import Receipt
from services.api.queries import Wanted
from services.api.receipts_query import ReceiptsQuery
from shared.domain.instants import text

router = APIRouter(tags=["readings"])


@router.get("/v1/reps/{rep}/kpis/{kpi}/receipts")
async def receipts(
    request: Request, viewer: Asker, rep: str, kpi: str, *, period: PeriodText = "day", at: AtText = None
) -> Response:
    """The facts that a number counts, and those of the same kinds that it does not, with the reason."""
    query: ReceiptsQuery = request.app.state.parts.receipts
    found = await query.of(viewer, rep, kpi, Wanted(kind=period_kind(period), at=at_of(at)))
    content = {
        "reading": found.reading,
        "counted": [_shown(receipt) for receipt in found.counted],
        "not_counted": [_shown(receipt) for receipt in found.not_counted],
    }
    return enveloped(request, content, as_of=found.as_of, watermark=found.watermark)


def _shown(receipt: Receipt) -> dict[str, Any]:
    fact = receipt.fact
    return {
        "kpi": receipt.kpi,
        "fact": fact.kind,
        "record": fact.record,
        "record_type": fact.record_type,
        "source": fact.source,
        "at": text(fact.at),
        "url": fact.url,
        "fields": fact.fields,
        "adds": receipt.adds,
        "decides": receipt.decides,
        "reason": receipt.outcome,
        "condition": receipt.condition,
    }
