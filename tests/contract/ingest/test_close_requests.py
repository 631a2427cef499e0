"""What recorded Close requests mean."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.instants import text
from tests.support.request_cases import REQUESTS, Case, Replay, cases, groups

DEAL = "oppo_7H4sjNso7FyBFaeR3RXi5PMJbilfo0c6UPCxsJtEhCO"
ANA = "user_N6KhMpzHRCYQHdn4gRNIFNN5JExnsrprKA6ekxM63XA"
EXPECTED: dict[str, tuple[str, str, dict[str, Any], Any]] = {
    "opportunity_won_docs_shape": ("deal.won", DEAL, {"amount": "1000.00", "currency": "USD", "status": "won"}, ANA),
    "opportunity_created": ("deal.created", DEAL, {"amount": "1000.00", "status": "open"}, ANA),
    "opportunity_value_null": ("deal.updated", DEAL, {"amount": None}, ANA),
    "opportunity_owner_changed": ("deal.updated", DEAL, {}, "user_NEW"),
    "opportunity_deleted_data_null": ("deal.deleted", DEAL, {"amount": "1000.00"}, ANA),
    "body_with_python_default_spacing": ("deal.updated", DEAL, {"lead_name": "Jürgen Gödel & Söhne"}, ANA),
    "lead_merged": ("lead.merged", "lead_src", {"into": "lead_dst"}, None),
}
pytestmark = pytest.mark.skipif(not REQUESTS.is_file(), reason="no collection of recorded requests beside the project")


@pytest.mark.parametrize("case", cases("close"), ids=lambda case: str(case["name"]))
async def test_means_what_it_should(case: Case) -> None:
    replay = Replay()
    await replay.send(case)
    expected = EXPECTED.get(case["name"])
    if expected is None:
        assert replay.log.changes == []
        return
    event_type, record, fields, owner = expected
    (change,) = replay.log.changes
    assert (change.type, change.record) == (event_type, record)
    assert change.fields.items() >= fields.items()
    assert owner is None or change.owner == owner


async def test_a_retry_is_the_same_event_and_a_consolidated_one_is_newer() -> None:
    (steps,) = groups("close")
    replay = Replay()
    for case in steps:
        await replay.send(case)
    first, again, newer = replay.log.changes
    assert (first.event, first.occurred_at) == (again.event, again.occurred_at)
    assert newer.event == first.event
    assert (text(newer.occurred_at), newer.fields["amount"]) == ("2026-03-02T15:05:40Z", "99.00")
