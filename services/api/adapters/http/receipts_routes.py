"""GET of the facts behind a number."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from services.api.adapters.http.answer_schemas import Receipts as ReceiptsAnswer
from services.api.adapters.http.answer_schemas import answering
from services.api.adapters.http.answers import enveloped
from services.api.adapters.http.callers import Asker
from services.api.adapters.http.readings_routes import AtText, PeriodText
from services.api.domain.asking import at_of, period_kind
from services.api.domain.receipt_pages import MOST, slice_of
from services.api.domain.receipts import Receipt
from services.api.domain.withdrawals import Withdrawal
from services.api.queries import Wanted
from services.api.receipts_query import Documented, Receipts, ReceiptsQuery
from shared.domain.instants import text

router = APIRouter(tags=["readings"])
Limit = Annotated[int | None, Query(ge=1, le=MOST, description="most receipts in one answer; default 10,000")]
CursorText = Annotated[str | None, Query(max_length=2_000, description="``next`` of the answer before")]


@router.get("/v1/reps/{rep}/kpis/{kpi}/receipts", responses=answering(ReceiptsAnswer))
async def receipts(
    request: Request,
    viewer: Asker,
    rep: str,
    kpi: str,
    *,
    period: PeriodText = "day",
    at: AtText = None,
    limit: Limit = None,
    cursor: CursorText = None,
) -> Response:
    """The facts that a number counts, and those of the same kinds that it does not, with the reason and the events."""
    query: ReceiptsQuery = request.app.state.parts.receipts
    wanted, part = Wanted(kind=period_kind(period), at=at_of(at)), slice_of(limit, cursor)
    return _answer(request, await query.of(viewer, rep, kpi, wanted, part=part))


@router.get("/v1/teams/{team}/kpis/{kpi}/receipts", responses=answering(ReceiptsAnswer))
async def team_receipts(
    request: Request,
    viewer: Asker,
    team: str,
    kpi: str,
    *,
    period: PeriodText = "day",
    at: AtText = None,
    limit: Limit = None,
    cursor: CursorText = None,
) -> Response:
    """The same of a team, over the union of its members' facts; each receipt names its rep."""
    query: ReceiptsQuery = request.app.state.parts.receipts
    wanted, part = Wanted(kind=period_kind(period), at=at_of(at)), slice_of(limit, cursor)
    return _answer(request, await query.of_team(viewer, team, kpi, wanted, part=part))


def _answer(request: Request, found: Receipts) -> Response:
    content = {
        "reading": found.reading,
        "consistent": found.consistent,
        "counted": [_shown(each) for each in found.counted],
        "not_counted": [_shown(each) for each in found.not_counted],
        "totals": {"counted": found.counted_in_all, "not_counted": found.not_counted_in_all},
        "next": found.following,
    }
    return enveloped(request, content, as_of=found.as_of, watermark=found.watermark)


def _shown(each: Documented) -> dict[str, Any]:
    of = each.of
    return {
        "rep": each.rep,
        "kpi": each.kpi,
        "fact": each.name.kind,
        "record": each.name.record,
        "record_type": each.name.record_type,
        "source": each.name.source,
        "url": each.url,
        "missing": each.missing,
        **(_of_receipt(of) if isinstance(of, Receipt) else _of_withdrawal(of)),
        "events": [
            {"id": event.event, "occurred_at": text(event.occurred_at), "said": event.said} for event in each.events
        ],
    }


def _of_receipt(receipt: Receipt) -> dict[str, Any]:
    fact = receipt.fact
    return {
        "at": text(fact.at),
        "fields": fact.fields,
        "adds": receipt.adds,
        "decides": receipt.decides,
        "reason": receipt.outcome,
        "condition": receipt.condition,
        "now": None,
    }


def _of_withdrawal(gone: Withdrawal) -> dict[str, Any]:
    """``at`` is null where nothing tells any more when it was; ``now`` is where the fact is instead."""
    now = gone.now
    return {
        "at": None if gone.at is None else text(gone.at),
        "fields": {} if now is None else now.fields,
        "adds": None,
        "reason": gone.reason,
        "condition": None,
        "decides": False,
        "now": None if now is None else {"owner": now.owner, "at": text(now.at)},
    }
